"""Which curriculum helps a 3D network where two fifths of the training labels are wrong, and which where none is?

The study `wrong_labels` with a small 3D network, on phantoms of the order of slices: the same curricula, each compared
with its control at the same number of steps. The wrong labels are in the training part alone.

Expected: as in `wrong_labels`. Seen, of seven arms: no difference is shown (results/reference/curricula). Cost: about
20 seconds a trial on one core, of which there are 190.
"""

from bench.core import Arm, Data, Recipe, Study
from studies.wrong_labels import CURRICULA

ORDER = {"subjects": 120, "effect": 2.0}
ARMS = {f"3D, {name}": Arm("vgg3d", {}, *how) for name, how in CURRICULA.items()}

STUDY = Study(
    question="Which curriculum helps a 3D network where labels are wrong, and which where none is?",
    datasets=[Data("phantom_order", ORDER, noise=0.4), Data("phantom_order", ORDER)],
    reference="3D, none",
    arms={**ARMS, "constant": Arm("constant")},
    contrasts=[(arm, "3D, none") for arm in ARMS if arm != "3D, none"],
    floors=["constant"],
    again="3D, none",
    recipe=Recipe(steps=100, batch_size=16, points=10),
)
