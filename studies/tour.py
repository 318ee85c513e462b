"""What does a study with every family of methods look like, from scans to a table of results?

Nine arms on a small phantom at coarse voxels, two folds, a few steps: a tour of the harness and its report. It claims
no learning, and with two folds it could not; `quickstart` is the study with a known answer. `bench plan`: 80 % of
such studies would show a difference of 0.40 AUC on phantom_ad (0.05 takes 20 partitions and 2,200 people). Cost:
about three minutes on two cores.
"""

from bench.core import Arm, Data, RandomLabels, Recipe, Study
from studies._dclse import FLOORS

COARSE = {"view": {"kind": "volume", "mm": 5.5}}

STUDY = Study(
    question="What does a study of every family of methods look like? (A tour: it claims no learning.)",
    datasets=[Data("phantom_ad")],
    reference="ResNet-18 (dynamic)",
    arms={
        **FLOORS,
        "linear (voxels)": Arm("linear", {"grids": [2]}),  # one grid: its random labels are forty trainings
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "ResNet-18 (slice)": Arm("timm2d", {"view": "slice"}),
        "DenseNet-121 (3D)": Arm("monai3d", COARSE),
        "Xing 2020": Arm("xing2020"),
        "similarity graph": Arm("similarity_graph", {"teacher": "monai3d", "teacher_params": COARSE}),
        "DCL-SE": Arm("dclse"),
        "U-Net (3D)": Arm("unet3d", tasks=("segmentation",)),
    },
    floors=list(FLOORS),
    again="ResNet-18 (dynamic)",
    random_labels=RandomLabels("linear (voxels)", permutations=20),
    folds=2,
    partitions=1,
    recipe=Recipe(steps=40, batch_size=8, points=10),
    cost="about three minutes on two processor cores",
)
