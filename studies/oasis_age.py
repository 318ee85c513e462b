"""How well does each way of encoding a brain predict age, on all 436 sessions of OASIS-1?

Sessions of one person stay together. The mean error is about 23 years for the median, about 7 for a linear model.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FULL
from studies.oasis_ad import VOXELS

STUDY = Study(
    question="How well does each way of encoding a brain predict age, on OASIS-1?",
    datasets=[Data("age_oasis")],
    reference="ResNet-18 (dynamic)",
    arms={
        "constant": Arm("constant"),
        "linear (voxels)": Arm("linear"),
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "DenseNet-121 (3D)": Arm("monai3d", VOXELS),
        "Xing 2020": Arm("xing2020"),
        "similarity graph": Arm("similarity_graph", {"teacher": "monai3d", "teacher_params": VOXELS}),
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
    },
    floors=["constant", "linear (voxels)"],
    recipe=Recipe(steps=200, batch_size=8),
)
