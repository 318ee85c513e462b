"""How much does choosing the evaluation point on the test part inflate the score of each method?

Published scores are often those of the best epoch on the test fold. Here validation data choose the evaluation point,
and the audit also shows the gain from the best of all points on test, as `Flattery` with its interval, and the score
by the rule of protocol 1, which chose among the last five points. One set has nothing to learn (a phantom without an
effect): any gain above chance at the best point is flattery alone.

Control: the linear model, which has one evaluation point and cannot be flattered; chance on the phantom without effect.
Expected: networks gain 0.05 to 0.15 in AUC from choosing on so few test scans, more than any contrast between them.
`bench plan`: 80 % of such studies would show a difference of 0.15 AUC on ad_oasis (0.05 takes 5,600 people); 1.89 years
of MAE on age_oasis (1 year takes 20 partitions and 1,200 people); 0.18 AUC on phantom_order (0.05 takes 3,400 people).
Cost: estimated at six hours on two cores (240 trials of networks).
"""

from bench.core import Arm, Data, Light, Recipe, Study
from studies._dclse import FLOORS, FULL
from studies.oasis_ad import VOXELS

NOTHING = Data("phantom_order", {"effect": 0.0, "subjects": 120, "slices": 40, "size": 48})

STUDY = Study(
    question="How much does choosing the evaluation point on the test part inflate the score of each method?",
    datasets=[Data("ad_oasis"), Data("age_oasis"), NOTHING],
    reference="ResNet-18 (dynamic)",
    arms={
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "DenseNet-121 (3D)": Arm("monai3d", VOXELS),
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
        **FLOORS,
    },
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8, points=20),
    light=Light(Recipe(steps=40, batch_size=8, points=10), folds=2),
    cost="estimated at six hours on two processor cores",
    missing="skip",
)
