"""Does a score come from the illness, or from the hospital that the scan was made in?

In both data sets nothing in the anatomy tells patients from healthy people. In `confounded` 85 % of the patients and 15
% of the healthy were scanned at one of two sites, whose scanners differ in brightness and contrast: a network that
recognises the scanner has an AUC of 0.85. In `balanced` both sites have as many patients as healthy people. Expected:
high scores on `confounded` that fall to chance within sites (table "Scores among people who are alike"), and chance on
`balanced`. Run it with `--keep-weights`, and `bench probe --study shortcut` shows that the features name the site.
`bench plan`: 80 % of such studies would show a difference of 0.19 AUC on confounded (0.05 takes 20 partitions and 1,400
people); 0.19 AUC on balanced (0.05 takes 20 partitions and 1,400 people). Cost: about two minutes of one core
(trainings and report took 49 seconds of processor time). Result of one run: linear 0.82 and a 3D network 0.83 on
`confounded`, within sites 0.50 and 0.53; on `balanced` 0.55 and 0.51.
"""

from bench.core import Arm, Data, Recipe, Study

SCANS = {"subjects": 160, "mm": 8.0, "effect": 0.0}
THIN = {"block": "basic", "layers": [1, 1, 1, 1], "block_inplanes": [8, 16, 32, 64], "n_input_channels": 1}

STUDY = Study(
    question="Does a score come from the illness, or from the hospital that the scan was made in?",
    datasets=[
        Data("phantom_shortcut", SCANS, label="confounded"),
        Data("phantom_shortcut", {**SCANS, "shortcut": 0.5}, label="balanced"),
    ],
    reference="linear",
    arms={
        "constant": Arm("constant"),
        "covariates": Arm("covariates"),
        "linear": Arm("linear"),
        "ResNet (3D)": Arm("monai3d", {"network": "ResNet", "options": THIN, "view": {"kind": "volume"}}),
    },
    floors=["constant", "covariates", "linear"],
    folds=4,
    partitions=1,
    recipe=Recipe(steps=60, batch_size=8, points=4),
    cost="about two minutes of one processor core",
)
