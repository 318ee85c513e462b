"""Does the smallest study run?"""

from bench.core import Arm, Data, RandomLabels, Recipe, Study

STUDY = Study(
    question="Does the smallest study run?",
    datasets=[Data("tiny_volumes")],
    reference="net",
    arms={
        "constant": Arm("constant"),
        "net": Arm("tiny_net"),
        "student": Arm("tiny_student"),
        "fading": Arm("tiny_net", {}, "tiny_fading"),
    },
    floors=["constant"],
    again="net",
    random_labels=RandomLabels("constant", permutations=2),
    folds=2,
    partitions=1,
    recipe=Recipe(steps=6, batch_size=4, points=6),
)
