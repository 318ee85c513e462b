"""Which encoding of a brain tells the sex of 415 people?

Sex is known for every scan of OASIS-1, neither class is rare, and the scans are in MNI space, so that the
size of the head is not in them. A question of twice as many people as dementia has, with more to learn: what an
encoding costs or gains can be seen here. One network on the dynamic image and on the mean image, DCL-SE with its groups
and without them, a 3D network, and the floors.

Primary: the mean image against the dynamic image, DCL-SE against the plain network on the same image, DCL-SE without
groups against DCL-SE, and the 3D network against the plain 2D network; margin of equivalence: an AUC of 0.05. Images
are read at 64 x 64 pixels; at whole size DCL-SE learnt no more (results/reference/budgets). `bench plan`: 80 % of
such studies would show a difference of 0.11 AUC on sex_oasis (0.05 takes 7,800 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS
from studies.bt_mri_parts import IMAGE

SMALL = {"view": IMAGE}

STUDY = Study(
    question="Which encoding of a brain tells the sex of a person, on OASIS-1?",
    datasets=[Data("sex_oasis")],
    reference="ResNet-18 (dynamic)",
    arms={
        **FLOORS,
        "ResNet-18 (dynamic)": Arm("timm2d", SMALL),
        "ResNet-18 (mean)": Arm("timm2d", {"view": {"kind": "mean", "size": 64}}),
        "DCL-SE": Arm("dclse", SMALL),
        "DCL-SE without groups": Arm("dclse", {**SMALL, "dgm": []}),
        "SFCN (3D)": Arm("sfcn", {"view": {"kind": "volume", "mm": 8.0}}),
    },
    contrasts=[
        ("ResNet-18 (mean)", "ResNet-18 (dynamic)"),
        ("DCL-SE", "ResNet-18 (dynamic)"),
        ("DCL-SE without groups", "DCL-SE"),
        ("SFCN (3D)", "ResNet-18 (dynamic)"),
    ],
    floors=list(FLOORS),
    margin=0.05,
    recipe=Recipe(steps=400, batch_size=8, points=10),
)
