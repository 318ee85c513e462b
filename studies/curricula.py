"""Which curriculum beats plain training: for a 2D network, a 3D network and DCL-SE, on clean and on wrong labels?

Every curriculum is compared with its controls at the same number of optimiser steps: random pacing uses the same number
of scans in random order, the anti-curriculum begins with the hardest scans, both also by weights; decreasing dropout,
and data dropped at random. On phantoms of the order of slices, which every network can learn, two fifths of the labels
of the training part are wrong: there a curriculum that detects them can gain. Weights of patches need masks: they are
compared on arteries, for a U-Net with and without them.

Expected: on clean labels no curriculum differs detectably from plain training; on wrong labels those weighted by the
loss do. The 3D network is a VGG, which reads the small phantoms too. Primary: self-paced learning and SuperLoss, for
each network; the rest is exploratory. `bench plan`: 80 % of such studies would show a difference of 0.15 AUC on
ad_oasis (0.05 takes 5,600 people); 0.21 AUC on phantom_order (0.05 takes 13,000 people). Cost: not measured in full;
`wrong_labels` and `wrong_labels_3d` have the same question for small images and volumes, on one core.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, LIGHT

NETWORKS = {
    "2D": ("timm2d", {}),
    "3D": ("vgg3d", {"view": {"kind": "volume", "mm": 4.0}}),  # a DenseNet-121 refuses the phantoms: 24 x 32 x 32
    "DCL-SE": ("dclse", {}),
}
CURRICULA = (
    "none", "input_blur", "feature_smoothing", "curriculum_dropout", "label_smoothing", "self_paced", "superloss",
    "transfer_teacher", "progressive_resizing", "low_frequency_crop", "progressive_data_dropout", "lerac",
    "random_pacing", "anti_curriculum",
)  # fmt: skip
CONTROLS = {  # of curricula that weight, drop or smooth: reversed or random
    "random_pacing (weights)": ("random_pacing", {"by": "weights"}),
    "anti_curriculum (own losses)": ("anti_curriculum", {"scores": "own"}),
    "curriculum_dropout (annealed)": ("curriculum_dropout", {"schedule": "annealed"}),
    "progressive_data_dropout (by lot)": ("progressive_data_dropout", {"kind": "matched"}),
}
WAYS = {**{name: (name, {}) for name in CURRICULA}, **CONTROLS}
ORDER = {"subjects": 120, "effect": 2.0}
MASKS = ("none", "patch_difficulty", "random_pacing", "anti_curriculum")  # curricula for a U-Net on arteries
WHOLE = ("classification", "regression")

STUDY = Study(
    question="Which curriculum beats plain training, on clean and on wrong labels?",
    datasets=[
        Data("ad_oasis"),
        Data("phantom_order", ORDER),
        Data("phantom_order", ORDER, noise=0.4),
        Data("phantom_artery", {"effect": 2.0, "subjects": 40}),
    ],
    reference="2D, none",
    arms={
        **{
            f"{network}, {name}": Arm(method, params, *curriculum, tasks=WHOLE)
            for network, (method, params) in NETWORKS.items()
            for name, curriculum in WAYS.items()
        },
        **{f"masks, {name}": Arm("unet3d", {}, name, tasks=("segmentation",)) for name in MASKS},
        **FLOORS,
    },
    contrasts=[
        *((f"{network}, {name}", f"{network}, none") for network in NETWORKS for name in WAYS if name != "none"),
        *((f"masks, {name}", "masks, none") for name in MASKS if name != "none"),
    ],
    primary=[
        (f"{network}, {name}", f"{network}, none") for network in NETWORKS for name in ("self_paced", "superloss")
    ],
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=16, points=10),
    light=LIGHT,
)
