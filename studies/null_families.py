"""Does any family find something where nothing is?

The methods of `strong_families` on the same phantoms without an effect: patients do not differ from healthy people. By
Holm's correction over all of them none may be better than `constant`; one that is indicates a leak.

Expected: nothing, by the table *Learnt or not* and by every contrast. Seen: nothing (results/reference/null_families).
Cost: 52 minutes of computing.
"""

from bench.core import Data, Recipe, Study
from studies.strong_families import DEEP, FLOORS, HEAD

STUDY = Study(
    question="Does any family find something where nothing is?",
    datasets=[Data("phantom_ad", {**HEAD, "effect": 0.0})],
    reference="constant",
    arms={**DEEP, **FLOORS},
    floors=list(FLOORS),
    folds=5,
    recipe=Recipe(steps=20, batch_size=8, points=5),
)
