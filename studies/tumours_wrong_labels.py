"""Which curriculum helps where labels of brain tumours are wrong, and which where all are right?

The question of `wrong_labels`, and its network, on real images: `bt_mri`, three classes, 1,793 groups. A fifth of the
training groups is used, so that the network reads every image often enough to learn wrong labels by heart; two fifths
of these labels are wrong in one form of the data, none in the other. Validation and test images are clean and all
there. Self-paced learning and SuperLoss listen to the loss of each image, label smoothing does not; random pacing, the
control of both, takes as many images in random order, or weights them.

Expected: on wrong labels the curricula that listen gain, their controls do not; on right ones nothing differs. Primary:
self-paced learning and SuperLoss against none; margin of equivalence: 5 points of balanced accuracy. `bench plan`: 80 %
of such studies would show a difference of 0.06 balanced accuracy on bt_mri (0.05 takes 5,200 people).

Result, on wrong labels: SuperLoss is equivalent to none within the margin (+0.016), self-paced learning is not shown to
differ (+0.020; 0.048 would have been found). The controls and right labels were not run.
"""

from bench.core import Arm, Data, Recipe, Study

SMALL = {"network": "test_resnet", "view": {"kind": "dynamic", "size": 64}}
WAYS = {
    "none": ("none", {}),
    "self-paced": ("self_paced", {}),
    "SuperLoss": ("superloss", {}),
    "label smoothing": ("label_smoothing", {}),
    "random pacing": ("random_pacing", {}),
    "random pacing (weights)": ("random_pacing", {"by": "weights"}),
}
PRIMARY = [("self-paced", "none"), ("SuperLoss", "none")]

STUDY = Study(
    question="Which curriculum helps where labels of brain tumours are wrong, and which where all are right?",
    datasets=[Data("bt_mri", fraction=0.2, noise=0.4), Data("bt_mri", fraction=0.2)],
    reference="none",
    arms={
        "constant": Arm("constant"),
        **{name: Arm("timm2d", SMALL, *how) for name, how in WAYS.items()},
    },
    contrasts=[
        *PRIMARY,
        ("label smoothing", "none"),
        ("self-paced", "random pacing"),
        ("SuperLoss", "random pacing (weights)"),
    ],
    primary=PRIMARY,
    floors=["constant"],
    margin=0.05,
    recipe=Recipe(steps=600, batch_size=16, points=12),
)
