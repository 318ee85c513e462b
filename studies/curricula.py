"""Which curriculum beats none: for a 2D network, a 3D network and DCL-SE, on clean and on wrong labels?

Every curriculum stands beside its controls at the same number of optimiser steps: random pacing shows as few scans in
an order that means nothing, the anti-curriculum begins with what is hard. On `phantom_bt_mri` two fifths of the
training labels are wrong, in the training part alone: there a curriculum that spots them has something to gain.

Expected: on clean labels none differs from none by more than could have been missed; on wrong labels those that weigh
by the loss do. Cost: three hours on two cores.
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
        f"{network}, {curriculum}": Arm(method, params, curriculum)
        for network, (method, params) in NETWORKS.items()
        for curriculum in CURRICULA
    },
    contrasts=[
        (f"{network}, {curriculum}", f"{network}, none") for network in NETWORKS for curriculum in CURRICULA[1:]
    ],
    recipe=Recipe(steps=200, batch_size=16, points=10),
    light=LIGHT,
)
