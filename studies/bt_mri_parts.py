"""What do the groups and the curriculum of DCL-SE add, on 5,262 images of brain tumours?

Four forms of one network, and a ResNet-18: the released network with its dynamic group mechanism and without it; its
outputs after four stages with equal weights and with the weights of the curriculum. `ablation_dgm` and `ablation_dcl`
ask the same in full; on 198 people with dementia they cannot decide it. Here 1,793 groups of images can: copies, mirror
images and slices that look like one person's are one group. Images are read at 64 x 64 pixels, the smallest size at
which the last stage of the network still sees more than one position (results/reference/budgets has its curves).

Primary: no groups against groups, the curriculum against equal weights, the ResNet-18 against the network; margin of
equivalence: 5 points of balanced accuracy. `bench plan`: 80 % of such studies would show a difference of 0.06
balanced accuracy on bt_mri (0.05 takes 5,500 people). Result: results/reference/bt_mri_parts.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import SCAN_FLOORS

IMAGE = {"kind": "dynamic", "plane": "sagittal", "coefficients": "running", "quantise": True, "channels": 3, "size": 64}
SMALL = {"view": IMAGE}

STUDY = Study(
    question="What do the groups and the curriculum of DCL-SE add, on images of brain tumours?",
    datasets=[Data("bt_mri")],
    reference="DCL-SE",
    arms={
        **SCAN_FLOORS,
        "DCL-SE": Arm("dclse", SMALL),
        "without groups": Arm("dclse", {**SMALL, "dgm": []}),
        "stages, equal weights": Arm("dclse", {**SMALL, "auxiliary": True}),
        "stages, curriculum": Arm("dclse", {**SMALL, "auxiliary": True, "dcl": "cur"}),
        "ResNet-18": Arm("timm2d", SMALL),
    },
    contrasts=[
        ("without groups", "DCL-SE"),
        ("stages, curriculum", "stages, equal weights"),
        ("ResNet-18", "DCL-SE"),
        ("stages, equal weights", "DCL-SE"),
    ],
    primary=[
        ("without groups", "DCL-SE"),
        ("stages, curriculum", "stages, equal weights"),
        ("ResNet-18", "DCL-SE"),
    ],
    floors=list(SCAN_FLOORS),
    margin=0.05,
    recipe=Recipe(steps=300, batch_size=16, points=5),
)
