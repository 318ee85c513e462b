"""Does a method that overrides the hooks run, alone and as a teacher?"""

from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="Does a method that overrides the hooks run, alone and as a teacher?",
    datasets=[Data("tiny_volumes")],
    reference="old names",
    arms={"old names": Arm("old_names"), "taught": Arm("taught")},
    folds=2,
    recipe=Recipe(steps=4, batch_size=4, points=2),
)
