"""How well do the ways of encoding a brain tell its age, on all 436 sessions of OASIS-1?

Sessions of one person stay together. Predicting the median is wrong by about 23 years, a linear model by about 7.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FULL
from studies.oasis_ad import VOXELS

STUDY = Study(
    question="How well do the ways of encoding a brain tell its age, on OASIS-1?",
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
