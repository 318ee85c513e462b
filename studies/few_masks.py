"""Does learning without masks help to outline structures when one, two or four people are outlined?

Chaitanya et al. (NeurIPS 2020) train a U-Net on aligned volumes before any mask is seen: its encoder learns at which
height of the head a slab is (global contrast), its decoder which region a place is in (local contrast). Here the pool
is the heads of OASIS-1, none of which is outlined, and the masks are eight structures on ten IXI heads, outlined by
DLMUSE, at 6 mm. Eight people are left when two are tested; two of them choose the evaluation point, and the network
learns from one, two, four, or all of the other six. The control is the same network from a random start.

Expected: with one person, global and local contrast are a few hundredths of Dice better than a random start; with all
of them there is no difference. Ten people support no claim of significance. Primary: global and local contrast against
a random start. `bench plan`: 80 % of such studies would show a difference of 0.07 to 0.09 Dice on roi_ixi (0.02 takes
20 partitions and 100 people). Cost: not measured.
"""

from bench.core import Arm, Data, Light, Recipe, Study

COARSE = {"mm": 6.0}  # a 27th of the voxels of the files
NETWORK = {"view.mm": 6.0, "channels": [8, 16, 32, 64], "lr": 3e-3}  # the view is for the heads of the pool
POOL = {"pretrain_data": "age_oasis", "pretrain_method": "self_supervised", "pretrain_batch": 2}
CONTRAST = {"loss": "partition_contrast"}
SHARES = (0.1, 0.3, 0.6, 1.0)  # of six people: one, two, four and all

STUDY = Study(
    question="Does learning without masks help to outline structures when few people are outlined?",
    datasets=[Data("roi_ixi", COARSE, fraction=share) for share in SHARES],
    reference="random start",
    arms={
        "random start": Arm("unet3d", NETWORK),
        "global": Arm("unet3d", {**NETWORK, **POOL, "pretrain_params": {**CONTRAST, "regions": False}}),
        "global and local": Arm("unet3d", {**NETWORK, **POOL, "pretrain_params": CONTRAST}),
        "constant": Arm("constant"),
    },
    contrasts=[
        ("global and local", "random start"),
        ("global", "random start"),
        ("global and local", "global"),
    ],
    primary=[("global and local", "random start")],
    floors=["constant"],
    partitions=1,
    recipe=Recipe(steps=300, batch_size=1, points=6),
    light=Light(Recipe(steps=60, batch_size=1, points=4), folds=4),
)
