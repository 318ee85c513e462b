"""Does any method score above chance when the labels are random?

A test for leaks: the labels of whole people are permuted, twenty times, and every kind of method is trained as usual.
If a method then scores above chance, there is a leak: a test scan in training, a normalisation learnt on all scans, a
choice made on the test part. The test cannot detect a person who occurs under two names; `bench audit` can.

Control: chance, which is known for the AUC; the constant, which is exactly chance. Expected: every mean within two
standard errors of chance. Of four such tests one fails by chance in about one study of five, so repeat a single failure
with more permutations before you conclude anything. `bench plan`: 80 % of such studies would show a difference of 0.30
AUC on ad_oasis (0.05 takes 20 partitions and 2,100 people). Cost: estimated at an hour on two cores (120 short trials
of networks); the light form takes a third of that.
"""

from bench.core import Arm, Data, Light, RandomLabels, Recipe, Study
from studies._dclse import FLOORS

COARSE = {"view": {"kind": "volume", "mm": 5.5}}

STUDY = Study(
    question="Does any method score above chance when the labels are random?",
    datasets=[Data("ad_oasis")],
    reference="linear (voxels)",
    arms={
        **FLOORS,
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "DenseNet-121 (3D)": Arm("monai3d", COARSE),
        "DCL-SE": Arm("dclse"),
    },
    floors=["constant"],
    random_labels=RandomLabels(
        ("linear (voxels)", "ResNet-18 (dynamic)", "DenseNet-121 (3D)", "DCL-SE"), permutations=20
    ),
    folds=2,
    partitions=1,
    recipe=Recipe(steps=60, batch_size=8, points=6),
    light=Light(Recipe(steps=20, batch_size=8, points=4), folds=2),
    cost="estimated at an hour on two processor cores",
)
