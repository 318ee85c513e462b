"""Do published weights help, frozen or fine-tuned, in 2D and in 3D?"""

from bench.core import Arm, Data, Recipe, Study
from studies.oasis_age import STUDY as AGE

FLOORS = AGE.floors
IMAGE = AGE.arms["ResNet-18 (dynamic)"].params["view"]
FLAT = {"network": "tf_efficientnet_lite0", "view": IMAGE, "head_scale": 0.0}
DEEP = {"view": {"kind": "volume", "mm": 4.0}}
IMAGENET = {
    "weights": "lite0.safetensors",
    "pretrained_on": ["none"],
    "checksum": "2512a36224655ab5d81857218e20c9a4d7509fb0d8702da70de93016afb9be3c",
}
BRAINS = {
    "weights": "deepbet.safetensors",
    "pretrained_on": ["openneuro"],
    "checksum": "ea0598030c7bb79e29a2773e07944a3fb81f36c963da492c86ae3fd71f6c2398",
}

STUDY = Study(
    question="Do published weights help to tell age, frozen or fine-tuned, in 2D and in 3D?",
    datasets=[Data("age_oasis")],
    reference="Lite0 (2D), random start",
    arms={
        **{name: AGE.arms[name] for name in FLOORS},
        "Lite0 (2D), random start": Arm("timm2d", FLAT),
        "Lite0 (2D), ImageNet, frozen": Arm("timm2d", {**FLAT, **IMAGENET, "train": "head"}),
        "Lite0 (2D), ImageNet, fine-tuned": Arm("timm2d", {**FLAT, **IMAGENET}),
        "deepbet (3D), random start": Arm("deepbet3d", DEEP),
        "deepbet (3D), brain masks, frozen": Arm("deepbet3d", {**DEEP, **BRAINS, "train": "head"}),
        "deepbet (3D), brain masks, fine-tuned": Arm("deepbet3d", {**DEEP, **BRAINS}),
    },
    contrasts=[
        ("Lite0 (2D), ImageNet, fine-tuned", "Lite0 (2D), random start"),
        ("deepbet (3D), brain masks, fine-tuned", "deepbet (3D), random start"),
        ("Lite0 (2D), ImageNet, frozen", "Lite0 (2D), random start"),
        ("deepbet (3D), brain masks, frozen", "deepbet (3D), random start"),
        ("deepbet (3D), brain masks, fine-tuned", "linear (voxels)"),
    ],
    primary=[
        ("Lite0 (2D), ImageNet, fine-tuned", "Lite0 (2D), random start"),
        ("deepbet (3D), brain masks, fine-tuned", "deepbet (3D), random start"),
    ],
    floors=list(FLOORS),
    margin=2.0,
    recipe=Recipe(steps=500, batch_size=8, points=10),
)
