"""Can a network learn structures that half of the training masks lack, and does Co-mining recover them?

Half of the structures of each training mask, connected components of one class, are left out, as if somebody had
overlooked them; validation and test masks are whole. A 3D U-Net learns from these masks. Co-mining (AAAI 2021) adds to
the mask of one view of a scan what the network finds in another view. Two controls show what that alone does: two views
without additions, and as many structures of the same shapes at random places. The same arms learn from whole masks,
which is the ceiling, and where Co-mining should do no harm. The data are arteries, and eight structures of ten IXI
heads, outlined by DLMUSE; ten people support no claim of significance.

Expected: missing structures lower the Dice of the U-Net; Co-mining recovers part of it, and structures at random
places lower it. Primary: Co-mining against two views and against random places. `bench plan`: 80 % of such studies
would show a difference of 0.09 Dice on roi_ixi (0.02 takes 20 partitions and 100 people); 0.03 Dice on artery_cas (0.02
takes 20 partitions and 120 people). Result: on ten heads Co-mining is higher by 0.06 in all folds, which ten people
cannot show; on phantoms of arteries it is better than two views by 0.016, and random places do nearly as well
(results/reference/missing_labels). Real arteries were not run. Cost: an hour of one core for the heads; on phantoms, in
the light form, 53 minutes of one core.
"""

from bench.core import Arm, Data, Light, Recipe, Study

LEARNER = {"channels": [8, 16, 32, 64], "lr": 3e-3}
MINING = {"learner": "unet3d", "learner_params": LEARNER}
COARSE = {"mm": 6.0}  # a 27th of the voxels of the files
CONTROLS = ("two views", "random places")

STUDY = Study(
    question="Can a network learn structures that half of the training masks lack, and does Co-mining recover them?",
    datasets=[Data(*data, missing=share) for share in (0.5, 0.0) for data in (("artery_cas",), ("roi_ixi", COARSE))],
    reference="U-Net",
    arms={
        "U-Net": Arm("unet3d", LEARNER),
        "two views": Arm("co_mining", {**MINING, "recover": "nothing"}),
        "Co-mining": Arm("co_mining", MINING),
        "random places": Arm("co_mining", {**MINING, "recover": "random"}),
        "constant": Arm("constant"),
    },
    contrasts=[*(("Co-mining", control) for control in CONTROLS), ("Co-mining", "U-Net"), ("two views", "U-Net")],
    primary=[("Co-mining", control) for control in CONTROLS],
    floors=["constant"],
    partitions=1,
    recipe=Recipe(steps=300, batch_size=2, points=10),
    light=Light(Recipe(steps=200, batch_size=2, points=10), folds=4),
    missing="skip",
)
