"""Does every family learn an effect that certainly exists?

All methods of `main_comparison` with one prediction per head, on phantoms of dementia whose strong effect a linear
model on voxels finds without an error. A method that is not better than `constant` here has not learnt, and
its score on real scans is not evidence about its idea; the table *Learnt or not* lists it. `null_families` is the same
study without an effect.

Expected: convolutional networks find such a large change in a few dozen steps from scratch, transformers may not.
Result: all 33 networks do, transformers at a smaller learning rate (results/reference/strong_families). `bench plan`:
80 % of such studies would show a difference of 0.25 AUC on phantom_ad (0.05 takes 20 partitions and 2,500 people).
Cost: five hours of computing (measured for one partition: 1.3).
"""

from bench.core import Arm, Data, Recipe, Study
from studies.main_comparison import DCLSE, FLOORS, HYBRIDS, IMAGES, TAUGHT, VOLUMES

HEAD = {"subjects": 100, "mm": 5.0}
DEEP = {
    **DCLSE,
    **{name: Arm("timm2d", params) for name, params in IMAGES.items()},
    **{name: arm for name, arm in {**VOLUMES, **HYBRIDS, **TAUGHT}.items() if "classification" in (arm.tasks or ())},
}

STUDY = Study(
    question="Does every family learn an effect that certainly exists?",
    datasets=[Data("phantom_ad", {**HEAD, "effect": 3.0})],
    reference="DCL-SE",
    arms={**DEEP, **FLOORS},
    floors=list(FLOORS),
    recipe=Recipe(steps=60, batch_size=8, points=5),
)
