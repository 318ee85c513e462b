"""Can the methods learn effects that certainly exist?

Phantoms with strong effects, whose best possible score is known: dementia, stages of dementia, the order of slices,
age, arteries. A method that stays far from the oracle here has not learnt, and its score on real scans is not evidence
about its idea; report it as not learnt, and find the reason. Tumours take more steps: see `strong_tumours`.

Expected: for classes DCL-SE reaches nine tenths of the way from chance to the oracle; for age a linear model on voxels
is hard to beat, as every change is linear in age; for arteries the 3D U-Net is hard to beat. One partition, as effects
so large need no more. Cost: up to five hours on two cores (measured for two folds: up to two). `bench plan`: 80 % of
such studies would show a difference of 0.23 AUC on phantom_ad (0.05 takes 20 partitions and 2,200 people); 0.19
balanced accuracy on phantom_ad2d (0.05 takes 20 partitions and 1,800 people); 0.26 AUC on phantom_order (0.05 takes 20
partitions and 2,200 people); 2.69 years of MAE on phantom_age (1 year takes 20 partitions and 770 people); 0.05 Dice on
phantom_artery (0.02 takes 20 partitions and 130 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, FULL

STUDY = Study(
    question="Can the methods learn effects that certainly exist?",
    datasets=[
        Data("phantom_ad", {"effect": 3.0, "subjects": 160}),
        Data("phantom_ad2d", {"effect": 3.0, "subjects": 200, "slices": 1, "size": 64}),
        Data("phantom_order", {"effect": 2.0, "subjects": 120}),
        Data("phantom_age", {"effect": 3.0, "subjects": 300}),
        Data("phantom_artery", {"effect": 2.0, "subjects": 40}),
    ],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
        "DenseNet-121 (3D)": Arm("monai3d", tasks=("classification", "regression")),
        "VGG (3D)": Arm("vgg3d", tasks=("classification", "regression")),
        "U-Net (3D)": Arm("unet3d", tasks=("segmentation",)),
        **FLOORS,
    },
    floors=list(FLOORS),
    partitions=1,
    recipe=Recipe(steps=300, batch_size=8, points=10),
)
