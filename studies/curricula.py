"""Which curriculum beats none: for a 2D network, a 3D network and DCL-SE, on clean and on wrong labels?

Every curriculum stands beside its controls at the same number of optimiser steps: random pacing shows as few scans in
an order that means nothing, the anti-curriculum begins with what is hard, both also by weights; dropout that falls, and
data dropped by lot. On `phantom_bt_mri` two fifths of the training labels are wrong, in the training part alone: there
a curriculum that spots them has something to gain.

Expected: on clean labels none differs from none by more than could have been missed; on wrong labels those that weigh
by the loss do. Cost: not measured in full; `wrong_labels` asks the same of small images, on one core.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import LIGHT

NETWORKS = {
    "2D": ("timm2d", {}),
    "3D": ("monai3d", {"view": {"kind": "volume", "mm": 4.0}}),
    "DCL-SE": ("dclse", {}),
}
CURRICULA = (
    "none", "input_blur", "feature_smoothing", "curriculum_dropout", "label_smoothing", "self_paced", "superloss",
    "transfer_teacher", "progressive_resizing", "low_frequency_crop", "progressive_data_dropout", "lerac",
    "random_pacing", "anti_curriculum",
)  # fmt: skip
CONTROLS = {  # of those that weigh, drop or smooth, each the other way round or by lot
    "random_pacing (weights)": ("random_pacing", {"by": "weights"}),
    "anti_curriculum (own losses)": ("anti_curriculum", {"scores": "own"}),
    "curriculum_dropout (annealed)": ("curriculum_dropout", {"schedule": "annealed"}),
    "progressive_data_dropout (by lot)": ("progressive_data_dropout", {"kind": "matched"}),
}
WAYS = {**{name: (name, {}) for name in CURRICULA}, **CONTROLS}
IMAGES = {"size": 64, "mm": 3.6, "subjects": 200}

STUDY = Study(
    question="Which curriculum beats none, on clean and on wrong labels?",
    datasets=[
        Data("ad_oasis"),
        Data("phantom_bt_mri", IMAGES),
        Data("phantom_bt_mri", IMAGES, noise=0.4),
    ],
    reference="2D, none",
    arms={
        f"{network}, {name}": Arm(method, params, *curriculum)
        for network, (method, params) in NETWORKS.items()
        for name, curriculum in WAYS.items()
    },
    contrasts=[(f"{network}, {name}", f"{network}, none") for network in NETWORKS for name in WAYS if name != "none"],
    recipe=Recipe(steps=200, batch_size=16, points=10),
    light=LIGHT,
)
