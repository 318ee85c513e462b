"""How well do the ways of reading a head outline eight structures of the brain?

Ten IXI heads at 2 mm, outlined by DLMUSE, a network: a score says how well that program is imitated, and ten people
claim no significance. DCL-SE reads dynamic images of the slices around each slice; the 3D U-Net reads the volume.

Expected: a 2D network that sees its neighbours as a weighted sum stays behind a 3D one.
The learning rate is three times the usual one for all arms: at 1e-3 nothing is learnt in so few steps.
Two folds: each network learns from four heads and is tested on five. Cost: under two hours on two cores.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FULL

RATE = {"lr": 3e-3}

STUDY = Study(
    question="How well do the ways of reading a head outline eight structures of the brain, on ten IXI heads?",
    datasets=[Data("roi_ixi")],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse", RATE),
        "DCL-SE full": Arm("dclse", {**FULL, **RATE}),
        "U-Net (3D)": Arm("unet3d", RATE),
        "constant": Arm("constant"),
    },
    floors=["constant"],
    folds=2,
    recipe=Recipe(steps=400, batch_size=1, points=5),
    cost="an hour or two on two processor cores, most of it for the 3D U-Net",
)
