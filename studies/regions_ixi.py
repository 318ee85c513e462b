"""How well do the ways of reading a head outline eight structures of the brain?

Ten IXI heads at 2 mm, outlined by DLMUSE, a network: a score says how well that program is imitated, and ten people
claim no significance. DCL-SE reads dynamic images of the slices around each slice; the 3D U-Net reads the volume.

Expected: a 2D network that sees its neighbours as a weighted sum stays behind a 3D one.
Cost: half an hour on two cores.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FULL

STUDY = Study(
    question="How well do the ways of reading a head outline eight structures of the brain, on ten IXI heads?",
    datasets=[Data("roi_ixi")],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse"),
        "DCL-SE full": Arm("dclse", FULL),
        "U-Net (3D)": Arm("unet3d"),
        "constant": Arm("constant"),
    },
    floors=["constant"],
    recipe=Recipe(steps=150, batch_size=1, points=5),
    cost="half an hour on two processor cores",
)
