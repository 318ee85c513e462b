"""Does the shallow network tell more than a line?"""

from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="Does the shallow network tell more than a line?",
    datasets=[Data("my_clinic")],
    reference="linear",
    arms={
        "linear": Arm("linear"),
        "shallow": Arm("shallow", {"view.plane": "axial"}),
        "ResNet-18": Arm("timm2d", {"network": "resnet18", "view": "dynamic"}),
    },
    recipe=Recipe(steps=300, batch_size=8),
)
