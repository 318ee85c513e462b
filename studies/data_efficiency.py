"""How many people does each way of encoding a brain need?

Each arm trains on a twentieth, a tenth, a quarter, a half and all of the training groups; each part contains all
smaller ones. Validation and test data stay whole, so scores of all parts are on the same people. The paper claims that
DCL-SE needs few scans; if so, its score should fall least.

Expected: with fewer people all arms are closer to chance, and the order of arms does not change detectably. Cost: ten
hours on two cores (measured for one partition: two and a half). `bench plan`: 80 % of such studies would show a
difference of 0.13 to 0.17 AUC on ad_oasis (0.05 takes 25,000 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, FULL, LIGHT
from studies.oasis_ad import VOXELS

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)

STUDY = Study(
    question="How many people does each way of encoding a brain need?",
    datasets=[Data("ad_oasis", fraction=share) for share in SHARES],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "DenseNet-121 (3D)": Arm("monai3d", VOXELS),
        **FLOORS,
    },
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8),
    light=LIGHT,
)
