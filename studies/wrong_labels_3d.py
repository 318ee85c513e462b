"""Which curriculum helps a 3D network if two fifths of the training labels are wrong, and which if all are right?

The study `wrong_labels` with a small 3D network, on phantoms of the order of slices: the same curricula, each compared
with its control at the same number of steps. Only the training part has wrong labels.

Expected and primary: as in `wrong_labels`. Result for seven arms: no difference is shown (results/reference/curricula).
`bench plan`: 80 % of such studies would show a difference of 0.19 AUC on phantom_order (0.05 takes 4,100 people). Cost:
about 20 seconds for each of 760 trials on one core.
"""

from bench.core import Arm, Data, Recipe, Study
from studies.wrong_labels import CURRICULA

ORDER = {"subjects": 120, "effect": 2.0}
ARMS = {f"3D, {name}": Arm("vgg3d", {}, *how) for name, how in CURRICULA.items()}

STUDY = Study(
    question="Which curriculum helps a 3D network if labels are wrong, and which if all are right?",
    datasets=[Data("phantom_order", ORDER, noise=0.4), Data("phantom_order", ORDER)],
    reference="3D, none",
    arms={**ARMS, "constant": Arm("constant")},
    contrasts=[(arm, "3D, none") for arm in ARMS if arm != "3D, none"],
    primary=[("3D, self-paced", "3D, none"), ("3D, SuperLoss", "3D, none")],
    floors=["constant"],
    again="3D, none",
    recipe=Recipe(steps=100, batch_size=16, points=10),
)
