"""Does a curriculum help a network to align the heads of another study, judged by regions that it has never seen?

Networks learn to align brains of OASIS-1 (`pairs_oasis`) without labels, and are tested on ten heads of IXI
(`pairs_ixi`) with 148 regions, brains alone on the same grid. The arms are those of `registration_curricula`: the
cascade as it is, and with an input blur that fades, a smoothing of the encoder's maps that fades, and dropout that
grows. Controls: the same in reverse, at the same number of steps. Floors: doing nothing, and SimpleITK's affine map.
It and demons learn nothing. Label maps only score. The checkpoint is chosen by the Dice of three classes of grey values
of people of OASIS-1.

The heads of IXI are moved and stretched along the axes, and not turned to MNI space, as those of OASIS-1 are: networks
are tested outside of what they have learnt from. Regions are not manual, and many have few voxels of 8 mm.

Expected: demons above affine, affine above doing nothing; networks between, since they see no turned heads in training.
Ten people make five couples, which are an example: no contrast is tested, no significance is claimed, and `bench plan`
cannot tell what the study could show. Three folds, since all are tested on the same people.
Result: of these ten, the cascades are as good as doing nothing (0.48 Dice), with any curriculum; the affine map has
0.51, demons 0.50 (results/reference/registration_heads).
Cost: 1.3 hours on a busy core; by the processor time of a shorter training, about a quarter of an hour on a free one.
"""

from bench.core import Arm, Data, Recipe, Study
from studies.registration_curricula import BASE, WAYS

TRAINED = {"factor": 4, "people": 100}
TESTED = {"mm": 8.0, "grid": "brain"}  # the grid of factor 4

STUDY = Study(
    question="Does a curriculum help a network to align the heads of another study?",
    datasets=[Data("pairs_oasis", TRAINED, external=Data("pairs_ixi", TESTED))],
    reference="plain",
    arms={
        "plain": Arm(*BASE),
        **{name: Arm(*BASE, *way) for name, way in WAYS.items()},
        "identity": Arm("identity"),
        "affine": Arm("affine"),
        "demons": Arm("demons"),
    },
    contrasts=[
        *((name, "plain") for name in WAYS),
        ("plain", "identity"),
        ("affine", "identity"),
        ("demons", "affine"),
        ("plain", "affine"),
    ],
    primary=[(name, "plain") for name in ("input blur", "smoothed encoder", "dropout")],
    floors=["identity", "affine"],
    folds=3,
    partitions=1,
    recipe=Recipe(steps=300, batch_size=4, points=5),
)
