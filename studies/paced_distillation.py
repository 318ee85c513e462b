"""Does a paced curriculum help a network to learn masks from its teacher: easy voxels first, borders later?

Paced-curriculum distillation (IJCARS 2023) trains a network on the masks and on the answers of a trained copy of
itself. Voxels come first where the teacher gives the true class a high probability, and where the neighbours have the
same class in the labels; the threshold falls to nothing at 80 % of the steps. The two kinds of pacing are also tried
apart. Controls at equal steps: as many voxels at random, all voxels from the start (distillation alone), and the U-Net
that is the teacher. The published loss of the curriculum has no soft Dice, which the U-Net minimises; two arms (*+
Dice*) have the loss of the U-Net beside it. The data are arteries, and eight structures of ten IXI heads, outlined by
DLMUSE, at 6 mm; ten people support no claim of significance.

Expected: the authors report 2 to 4 points of Dice over plain training; distillation alone is expected to give most of
it. Primary: both kinds of pacing against distillation alone and against random voxels. `bench plan`: 80 % of
such studies would show a difference of 0.08 Dice on roi_ixi (0.02 takes 390 people); 0.03 Dice on artery_cas (0.02
takes 20 partitions and 100 people). Result on roi_ixi: no difference shown, with pacing below both controls;
distillation loses 0.11 to the U-Net with the published loss, and nothing with soft Dice beside it
(results/reference/paced_distillation). Cost: an hour of one core for roi_ixi.
"""

from bench.core import Arm, Data, Light, Recipe, Study

COARSE = {"mm": 6.0}  # a 27th of the voxels of the files
LEARNER = {"channels": [8, 16, 32, 64], "lr": 3e-3}
TAUGHT = {"loss": "paced_curriculum", "student": "unet3d", "student_params": LEARNER, "teacher": ""}
SOFT = {"label_weight": 1.0}  # the loss of the U-Net: cross-entropy and soft Dice
WAYS = {
    "paced": "both",
    "paced by the teacher": "teacher",
    "paced by the labels": "labels",
    "random voxels": "random",
    "all voxels": "all",
}

STUDY = Study(
    question="Does a paced curriculum help a network to learn masks from its teacher?",
    datasets=[Data("artery_cas"), Data("roi_ixi", COARSE)],
    reference="U-Net",
    arms={
        "U-Net": Arm("unet3d", LEARNER),
        **{name: Arm("distil", {**TAUGHT, "paced_by": way}) for name, way in WAYS.items()},
        "paced + Dice": Arm("distil", {**TAUGHT, **SOFT, "paced_by": "both"}),
        "all voxels + Dice": Arm("distil", {**TAUGHT, **SOFT, "paced_by": "all"}),
        "constant": Arm("constant"),
    },
    contrasts=[
        *((name, "all voxels") for name in WAYS if name != "all voxels"),
        ("paced", "random voxels"),
        ("paced", "U-Net"),
        ("all voxels", "U-Net"),
        ("paced + Dice", "all voxels + Dice"),
        ("all voxels + Dice", "U-Net"),
    ],
    primary=[("paced", "all voxels"), ("paced", "random voxels")],
    floors=["constant"],
    partitions=1,
    recipe=Recipe(steps=400, batch_size=1, points=10),
    light=Light(Recipe(steps=200, batch_size=2, points=10), folds=4),
    missing="skip",
)
