"""How much of a score on the four-class Kaggle slices comes from recognising the heads?

The 6,400 slices are 32 slices of each of 200 heads, and the publisher's split has every head on both sides. The same
networks train for the same number of steps on that split and on folds over heads: the difference is due to recognising
heads, and the primary tests show it. A publisher's split cannot be drawn again, so both are trained with four seeds
instead of four partitions. Cost: about two hours of one core (measured for one seed: half an hour). Result of one seed:
AUC 0.66 to 0.68 on both, so no effect at this budget.
`bench plan`: 80 % of such studies would show a difference of 0.19 AUC between the splits, with more seeds 0.15.
"""

from bench.core import Arm, Data, Recipe, Study

TWO = {"stages": 2}  # dementia or none: one of the four stages has two people, too few for the folds

STUDY = Study(
    question="How much of a score on the four-class Kaggle slices comes from recognising the heads?",
    datasets=[Data("ad_mri2d", TWO, split="publisher", leak="shown"), Data("ad_mri2d", TWO)],
    split_contrasts=[("ad_mri2d@publisher", "ad_mri2d")],
    primary=[("ad_mri2d@publisher", "ad_mri2d")],
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
    cost="about two hours of one processor core",
    recipe=Recipe(steps=600, batch_size=32, points=20),
)
