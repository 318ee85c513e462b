"""How well does each way of encoding a brain predict age, on all 436 sessions of OASIS-1?

Sessions of one person stay together. The mean error is about 23 years for the median, about 8 for a linear model.
Primary: DCL-SE and the 3D DenseNet against the 2D network; the rest is exploratory. `bench plan`: 80 % of such studies
would show a difference of 1.67 years of MAE on age_oasis (1 year takes 6,300 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, FULL
from studies.oasis_ad import VOXELS

STUDY = Study(
    question="How well does each way of encoding a brain predict age, on OASIS-1?",
    datasets=[Data("age_oasis")],
    reference="ResNet-18 (dynamic)",
    arms={
        **FLOORS,
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "DenseNet-121 (3D)": Arm("monai3d", VOXELS),
        "Xing 2020": Arm("xing2020"),
        "similarity graph": Arm("similarity_graph", {"teacher": "monai3d", "teacher_params": VOXELS}),
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
    },
    primary=[("DCL-SE", "ResNet-18 (dynamic)"), ("DenseNet-121 (3D)", "ResNet-18 (dynamic)")],
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8),
)
