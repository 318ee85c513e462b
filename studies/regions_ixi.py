"""How well does each way of reading a head segment eight structures of the brain?

Ten IXI heads at 2 mm, outlined by the network DLMUSE: a score measures agreement with DLMUSE, and ten people support no
claim of significance. DCL-SE reads dynamic images of the slices around each slice; the 3D U-Net reads the volume.

Expected: a 2D network that reads neighbouring slices as a weighted sum scores below a 3D network. The learning rate of
all arms is three times the default: at 1e-3 nothing is learnt in so few steps. Each network learns from six heads and
is tested on two. Cost: about twenty hours on two cores (measured for two folds in one partition: under two), so use a
GPU. `bench plan`: 80 % of such studies would show a difference of 0.07 Dice on roi_ixi (0.02 takes 100 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FULL

RATE = {"lr": 3e-3}

STUDY = Study(
    question="How well does each way of reading a head segment eight structures of the brain, on ten IXI heads?",
    datasets=[Data("roi_ixi")],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse", RATE),
        "DCL-SE full": Arm("dclse", {**FULL, **RATE}),
        "U-Net (3D)": Arm("unet3d", RATE),
        "constant": Arm("constant"),
    },
    floors=["constant"],
    recipe=Recipe(steps=400, batch_size=1, points=5),
    cost="about twenty hours on two processor cores, most of it for the 3D U-Net",
)
