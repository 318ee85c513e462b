"""Does any family find an effect where there is none?

The methods of `strong_families` on the same phantoms without an effect: patients do not differ from healthy people.
After Holm's correction over all of them no method may be better than `constant`; if one is, there is a leak.

Expected: no method has learnt, in the table *Learnt or not* and in every contrast. Result: none has
(results/reference/null_families). `bench plan`: 80 % of such studies would show a difference of 0.25 AUC on phantom_ad
(0.05 takes 20 partitions and 2,500 people). Cost: three and a half hours of computing (measured for one partition: 52
minutes).
"""

from bench.core import Data, Recipe, Study
from studies.strong_families import DEEP, FLOORS, HEAD

STUDY = Study(
    question="Does any family find an effect where there is none?",
    datasets=[Data("phantom_ad", {**HEAD, "effect": 0.0})],
    reference="constant",
    arms={**DEEP, **FLOORS},
    floors=list(FLOORS),
    recipe=Recipe(steps=20, batch_size=8, points=5),
)
