"""What does an image of a volume keep, for a linear model of sex, age and dementia?

`projections` trains a network on each image and needs a network's hours; most of the noise in its scores is the
network's. Here a linear model reads the same images, without a seed and in seconds: what an encoding loses is the
encoding's own loss. Every arm chooses its penalty and its grid inside the training part. All images are made from the
volume of 2 mm; the volume itself is read at 4 mm.

Primary: the mean against the dynamic image, the dynamic image of shuffled slices against the right order, and the
volume against the dynamic image. `bench plan`: 80 % of such studies would show a difference of 0.12 AUC on sex_oasis
(0.05 takes 8,900 people); 1.96 years of MAE on age_oasis (1 year takes 20 partitions and 1,400 people); 0.16 AUC on
ad_oasis (0.05 takes 8,500 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import COVARIATES

VIEWS = {
    "dynamic": {"kind": "dynamic", "plane": "sagittal"},
    "dynamic (shuffled)": {"kind": "dynamic", "plane": "sagittal", "shuffle": 1},
    "dynamic (running)": {"kind": "dynamic", "plane": "sagittal", "coefficients": "running"},
    "dynamic (three axes)": {"kind": "dynamic", "plane": "all"},
    "mean": {"kind": "mean", "plane": "sagittal"},
    "slices (three axes)": {"kind": "orthogonal"},
    "slice": {"kind": "slice", "plane": "sagittal"},
    "volume": {"kind": "volume", "mm": 4.0},
}

STUDY = Study(
    question="What does an image of a volume keep, for a linear model?",
    datasets=[Data("sex_oasis"), Data("age_oasis"), Data("ad_oasis")],
    reference="dynamic",
    arms={
        "constant": Arm("constant"),
        "covariates": COVARIATES,
        **{name: Arm("linear", {"view": view}) for name, view in VIEWS.items()},
    },
    primary=[("mean", "dynamic"), ("dynamic (shuffled)", "dynamic"), ("volume", "dynamic")],
    floors=["constant", "covariates"],
    recipe=Recipe(steps=1, batch_size=8, points=1),
)
