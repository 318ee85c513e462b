"""Does a curriculum help a network to align two brains, as Burduja and Ionescu (ICIP 2021) say?

Their base is a recursive cascade that learns without labels; their curricula are a blur of both scans that fades
(`input_blur`), smoothing of the encoder's maps that fades, and dropout that grows. Each has its control: the blur and
the smoothing that grow, the dropout that fades, and the plain network, at the same number of steps. The phantom has
known deformations, so the end-point error is exact: 0 mm is the best, and `identity` does nothing. Classical optimisers
show what can be reached without learning. VoxelMorph and the plain cascade start from the scans as they are, and after
SimpleITK's affine map: without it both end above that floor. In one fold the cascade after it has 7.2 mm, the map 8.3.

Expected: identity is worse than affine, affine worse than demons; the paper claims that every curriculum beats the
plain network, and that the blur is the best for its cost. Primary: the three curricula against the plain network.
`bench plan` cannot tell what the study could show: the noise of end-point errors is not known before a first run.
Result: on the phantom no curriculum was shown to help, nor the blur on 60 heads of OASIS-1; an affine map before
VoxelMorph helps on the phantom (results/reference/registration_curricula). The smoothing that grows and the cascade
after an affine map were added later and have no committed run.
Cost: on the phantom 82 minutes of one core without these two arms.
"""

from bench.core import Arm, Data, Recipe, Study

BASE = ("recursive_cascade", {"width": 8, "lr": 1e-3})
ENCODER = {"course": "linear", "where": "encoder"}
DROPOUT = {"features": 0.0, "maps": 0.1}
VOXELMORPH = {"similarity": "pearson", "weight": 0.1}
WAYS = {
    "input blur": ("input_blur", {}),
    "input blur (growing)": ("input_blur", {"course": "growing"}),
    "smoothed encoder": ("feature_smoothing", ENCODER),
    "smoothed encoder (growing)": ("feature_smoothing", {**ENCODER, "course": "growing"}),
    "dropout": ("curriculum_dropout", DROPOUT),
    "dropout (fading)": ("curriculum_dropout", {**DROPOUT, "schedule": "annealed"}),
}

STUDY = Study(
    question="Does a curriculum help a network to align two brains?",
    datasets=[Data("phantom_pairs", {"effect": 1.5, "mm": 8.0, "subjects": 40})],
    reference="plain",
    arms={
        "plain": Arm(*BASE),
        **{name: Arm(*BASE, *way) for name, way in WAYS.items()},
        "cascade after affine": Arm(BASE[0], {**BASE[1], "solved": True}),
        "VoxelMorph": Arm("voxelmorph", VOXELMORPH),
        "VoxelMorph after affine": Arm("voxelmorph", {**VOXELMORPH, "affine": True}),
        "identity": Arm("identity"),
        "affine": Arm("affine"),
        "demons": Arm("demons"),
    },
    contrasts=[
        *((name, "plain") for name in WAYS),
        ("affine", "identity"),
        ("demons", "affine"),
        ("plain", "affine"),
        ("cascade after affine", "affine"),
        ("VoxelMorph after affine", "affine"),
        ("VoxelMorph after affine", "VoxelMorph"),
    ],
    primary=[(name, "plain") for name in ("input blur", "smoothed encoder", "dropout")],
    floors=["identity", "affine"],
    partitions=1,
    recipe=Recipe(steps=400, batch_size=4, points=10),
)
