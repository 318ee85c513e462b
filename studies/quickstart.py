"""Can a network see the order of slices, and does the harness report it only where it is there?

The classes of `phantom_order` differ in nothing but the order of their slices. A mean projection has lost the order,
so a network on it must stay at chance; the same network on the dynamic image, a 3D network and its student can see
it. In the second data set the same slices are shuffled: there is nothing to find, and nobody may find it. The third
has a planted leak, people who are in the training and in the test part under two names, and must be refused before
training. Expected: three of three comparisons on `ordered`, none on `shuffled`, the leak is caught. `bench plan`: 80
% of such studies would show a difference of 0.28 AUC on ordered (0.05 takes 20 partitions and 1,900 people); 0.28 AUC
on shuffled (0.05 takes 20 partitions and 1,900 people). Cost: about two minutes on two cores.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import SCAN_FLOORS

SCANS = {"subjects": 90, "slices": 16, "size": 24}
DYNAMIC, VOXELS = {"view": {"kind": "dynamic"}}, {"view": {"kind": "volume"}}
THIN = {"block": "basic", "layers": [1, 1, 1, 1], "block_inplanes": [8, 16, 32, 64], "n_input_channels": 1}
SMALL = {"network": "ResNet", "options": THIN, **VOXELS}
TAUGHT = {"teacher": "monai3d", "teacher_params": SMALL, "student": "timm2d", "student_params": DYNAMIC}

STUDY = Study(
    question="Can a network see the order of slices, and is it reported only where it is there?",
    datasets=[
        Data("phantom_order", {**SCANS, "effect": 3.0}, label="ordered"),
        Data("phantom_order", {**SCANS, "effect": 0.0}, label="shuffled"),
    ],
    reference="ResNet-18 (mean)",
    arms={
        "constant": SCAN_FLOORS["constant"],
        "linear (voxels)": Arm("linear", {"grids": [2]}),
        "ResNet-18 (mean)": Arm("timm2d", {"view": {"kind": "mean"}}),
        "ResNet-18 (dynamic)": Arm("timm2d", DYNAMIC),
        "ResNet (3D)": Arm("monai3d", SMALL),
        "student of ResNet (3D)": Arm("distil", TAUGHT),
    },
    floors=list(SCAN_FLOORS),
    planted_leak=Data("phantom_order", {**SCANS, "copies": 9}, split="publisher", label="leak"),
    folds=4,
    partitions=1,
    recipe=Recipe(steps=60, batch_size=8, points=4),
    cost="about two minutes on two processor cores",
)
