"""Does any way of encoding a brain separate CDR 0 from CDR > 0 on OASIS-1 better than a 2D network or a linear model?

198 people aged 60 or more. The 3D arms read 4 mm voxels, so that the study fits two processor cores;
`oasis_ad_2mm` has 2 mm voxels, for a GPU. A linear model on voxels reaches an AUC of about 0.71 here, age, sex and
brain volume 0.73 without a scan; a deep method above 90 % accuracy would mean a leak. Primary: DCL-SE and the 3D
DenseNet against the 2D network; the rest is exploratory.

Result of protocol 1: the deep arms 0.59 to 0.68, no contrast significant (`results/reference/oasis_ad`). `bench plan`:
80 % of such studies would show a difference of 0.14 AUC on ad_oasis (0.05 takes 2,700 people). Cost: about six hours on
one core (measured for one partition: one and a half).
"""

from bench.core import Arm, Data, RandomLabels, Recipe, Study
from studies._dclse import FLOORS, FULL

VOXELS = {"view": {"kind": "volume", "mm": 4.0}}

STUDY = Study(
    question="Does any way of encoding a brain separate CDR 0 from CDR > 0 on OASIS-1 better than a plain 2D network?",
    datasets=[Data("ad_oasis")],
    reference="ResNet-18 (dynamic)",
    arms={
        **FLOORS,
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "ResNet-18 (mean)": Arm("timm2d", {"view": "mean"}),
        "DenseNet-121 (3D)": Arm("monai3d", VOXELS),
        "Xing 2020": Arm("xing2020"),
        "similarity graph": Arm("similarity_graph", {"teacher": "monai3d", "teacher_params": VOXELS}),
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
    },
    primary=[("DCL-SE", "ResNet-18 (dynamic)"), ("DenseNet-121 (3D)", "ResNet-18 (dynamic)")],
    floors=list(FLOORS),
    again="ResNet-18 (dynamic)",
    random_labels=RandomLabels("linear (voxels)", permutations=20),
    recipe=Recipe(steps=200, batch_size=8),
    cost="about four hours on two processor cores in parallel; six on one",
)
