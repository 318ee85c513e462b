"""A study that is searched in seconds."""

from bench.core import Arm, Choices, Data, Floats, Recipe, Study, Tuning

SPACE = {"lr": Floats(1e-4, 1e-1, log=True), "optimiser": Choices(("adamw", "sgd"))}

STUDY = Study(
    question="Can a search be carried out?",
    datasets=[Data("tiny_volumes")],
    reference="net",
    arms={"net": Arm("tiny_net"), "dropping": Arm("tiny_net", {"dropout": 0.3}), "constant": Arm("constant")},
    floors=["constant"],
    tuning=Tuning(trials=4, spaces={"net": SPACE, "dropping": SPACE}, pruner="none", sampler="random"),
    folds=2,
    partitions=1,
    recipe=Recipe(steps=6, batch_size=4, points=3),
)
