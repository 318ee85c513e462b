"""Do DCL-SE and the networks it is compared with stand as they did once each was searched with an equal budget?

Every arm has the same number of candidates on every fold, its own defaults the first of them, under the same sampler,
pruner and seed. Of the 3D network the view is coarse, so that 40 candidates of it can be afforded.
"""

from bench.core import Arm, Choices, Data, Light, Recipe, Study, Tuning
from bench.method import DESCENT
from studies._dclse import FLOORS

STUDY = Study(
    question="Do DCL-SE and the networks it is compared with stand as before, each searched with an equal budget?",
    datasets=[Data("ad_oasis")],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse"),
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "ResNet-18 (slice)": Arm("timm2d", {"view": "slice"}),
        "DenseNet-121 (3D)": Arm("monai3d", {"view": {"kind": "volume", "mm": 5.5}}),
        "Xing 2020": Arm("xing2020"),
        **FLOORS,
    },
    floors=list(FLOORS),
    tuning=Tuning(
        trials=40,
        pruner="asha",
        spaces={"ResNet-18 (dynamic)": {**DESCENT, "network": Choices(("resnet18", "resnet34"))}},
    ),
    folds=5,
    recipe=Recipe(steps=1000, batch_size=16),
    light=Light(Recipe(steps=20, batch_size=4, points=5), folds=2),
)
