"""How large is the noise of seeds against that of folds?

The same methods with five training seeds in every fold: initial weights and the order of scans change, people do not.
The report splits the variance of scores, and of the differences that claims rest on, into components of seeds and
folds. If seeds dominate, more seeds help a study; if folds do, only more people or partitions would.

Controls: the linear model, which does not depend on the seed; the same method against itself with other seeds (A/A).
Expected: folds of 40 test scans vary by 0.05 to 0.10 in AUC, and seeds as much again for networks trained so briefly.
`bench plan`: 80 % of such studies would show a difference of 0.14 AUC on ad_oasis (0.05 takes 2,600 people).
Cost: estimated at two and a half hours on two cores (100 trials of networks).
"""

from bench.core import Arm, Data, Light, Recipe, Study
from studies._dclse import FLOORS
from studies.oasis_ad import VOXELS

STUDY = Study(
    question="How large is the noise of seeds against that of folds?",
    datasets=[Data("ad_oasis")],
    reference="ResNet-18 (dynamic)",
    arms={
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "DenseNet-121 (3D)": Arm("monai3d", VOXELS),
        "DCL-SE": Arm("dclse"),
        **FLOORS,
    },
    floors=list(FLOORS),
    again="ResNet-18 (dynamic)",
    partitions=1,
    seeds=5,
    recipe=Recipe(steps=200, batch_size=8),
    light=Light(Recipe(steps=40, batch_size=8, points=4), folds=2, seeds=3),
    cost="estimated at two and a half hours on two processor cores",
)
