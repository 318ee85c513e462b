"""Forty short trials, teachers and students among them: enough to lose a node, or a driver, in the middle."""

from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="What is left when a cluster loses a node?",
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
    random_labels=None,
    folds=4,
    partitions=2,
    recipe=Recipe(steps=240, batch_size=4, points=12),
)
