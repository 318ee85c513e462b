"""A study that is long enough to be killed: students, curricula, dropout, augmentation, a dozen evaluation points."""

from bench.core import Arm, Data, RandomLabels, Recipe, Study

STUDY = Study(
    question="What is left when a study is killed?",
    datasets=[Data("tiny_volumes")],
    reference="net",
    arms={
        "constant": Arm("constant"),
        "net": Arm("tiny_net", {"dropout": 0.5, "augment": "affine"}),
        "momentum": Arm("tiny_net", {"optimiser": "sgd", "dropout": 0.2}),
        "student": Arm("tiny_student"),
        "fading": Arm("tiny_net", {}, "tiny_fading"),
    },
    floors=["constant"],
    again="net",
    random_labels=RandomLabels("constant", permutations=2),
    folds=2,
    partitions=1,
    recipe=Recipe(steps=240, batch_size=4, points=12),
)
