"""Do two arms run?"""

from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="Do two arms run?",
    datasets=[Data("tiny_volumes")],
    reference="net",
    arms={"net": Arm("tiny_net"), "constant": Arm("constant")},
    folds=2,
    partitions=1,
    recipe=Recipe(steps=6, batch_size=4, points=3),
)
