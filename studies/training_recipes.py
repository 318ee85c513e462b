"""Does the recipe of training change which network is better, on 5,262 images of brain tumours?

In `bt_mri_parts` DCL-SE loses to a ResNet-18, and both are trained plainly: from scratch, on the images as they are. An
expert would augment the images, average the weights, limit the gradient, smooth the labels, and spare biases and norms
from decay. Here both networks have all of that (*expert*), augmentation or averaged weights alone, and the expert
recipe for three networks whose predictions are averaged. All arms have the same optimiser steps, 500 instead of the 300
of `bt_mri_parts`, and validation chooses the point.

Primary: the expert recipe against the plain one, for each network, and the ResNet-18 against DCL-SE where both have the
expert recipe; margin of equivalence: 5 points of balanced accuracy. Images of 64 x 64 pixels. `bench plan`: 80 %
of such studies would show a difference of 0.06 balanced accuracy on bt_mri (0.05 takes 5,500 people). Result, primary
arms, one partition (results/reference/training_recipes): the expert recipe is equivalent to the plain one for both
networks, and the ResNet-18 stays better by 0.043.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import SCAN_FLOORS
from studies.bt_mri_parts import SMALL

NETWORKS = ("DCL-SE", "ResNet-18")
AUGMENTED = {**SMALL, "augment": "light"}
AVERAGED = {**SMALL, "ema": 0.98}
EXPERT = {**AUGMENTED, "ema": 0.98, "clip": 1.0, "decays": "matrices", "label_smoothing": 0.05, "warmup": 0.1}


def _three(member: str) -> Arm:
    return Arm("ensemble", {"member": member, "member_params": EXPERT, "size": 3})


STUDY = Study(
    question="Does the recipe of training change which network is better, on images of brain tumours?",
    datasets=[Data("bt_mri")],
    reference="DCL-SE, expert",
    arms={
        **SCAN_FLOORS,
        "DCL-SE": Arm("dclse", SMALL),
        "DCL-SE, augmented": Arm("dclse", AUGMENTED),
        "DCL-SE, averaged": Arm("dclse", AVERAGED),
        "DCL-SE, expert": Arm("dclse", EXPERT),
        "DCL-SE, expert, three networks": _three("dclse"),
        "ResNet-18": Arm("timm2d", SMALL),
        "ResNet-18, augmented": Arm("timm2d", AUGMENTED),
        "ResNet-18, averaged": Arm("timm2d", AVERAGED),
        "ResNet-18, expert": Arm("timm2d", EXPERT),
        "ResNet-18, expert, three networks": _three("timm2d"),
    },
    contrasts=[
        *((f"{name}, {part}", name) for name in NETWORKS for part in ("augmented", "averaged", "expert")),
        *((f"{name}, expert, three networks", f"{name}, expert") for name in NETWORKS),
        ("ResNet-18", "DCL-SE"),
        ("ResNet-18, expert", "DCL-SE, expert"),
    ],
    primary=[
        ("DCL-SE, expert", "DCL-SE"),
        ("ResNet-18, expert", "ResNet-18"),
        ("ResNet-18, expert", "DCL-SE, expert"),
    ],
    floors=list(SCAN_FLOORS),
    margin=0.05,
    recipe=Recipe(steps=500, batch_size=16, points=10),
)
