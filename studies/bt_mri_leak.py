"""How much of a score on the Kaggle brain tumours comes from having seen the image in training?

Three quarters of the publisher's test images have a copy or a mirror image in the training part. The same methods train
for the same number of steps on that split (tested with and without those images) and on folds over groups of such
images; the primary tests compare each method under the two splits. A publisher's split cannot be drawn again, so both
are trained with four seeds instead of four partitions. Cost: about two hours of one core (measured for one seed: half
an hour). Result of one seed: linear 0.83 on that split, 0.71 without those images, 0.80 over groups.
`bench plan`: 80 % of such studies would show a difference of 0.10 balanced accuracy between the splits.
"""

from bench.core import Arm, Data, Recipe, Study

SMALL = {"size": 96}

STUDY = Study(
    question="How much of a score on the Kaggle brain tumours comes from having seen the image in training?",
    datasets=[Data("bt_mri", SMALL, split="publisher", leak="shown"), Data("bt_mri", SMALL)],
    split_contrasts=[("bt_mri@publisher", "bt_mri")],
    primary=[("bt_mri@publisher", "bt_mri")],
    reference="linear",
    arms={
        "constant": Arm("constant"),
        "linear": Arm("linear"),
        "nearest neighbour": Arm("nearest_neighbour"),
        "MobileNetV3-S": Arm("timm2d", {"network": "mobilenetv3_small_050", "lr": 0.003}),
    },
    floors=["constant", "linear", "nearest neighbour"],
    partitions=1,
    seeds=4,
    recipe=Recipe(steps=400, batch_size=32, points=10),
    cost="about two hours of one processor core",
)
