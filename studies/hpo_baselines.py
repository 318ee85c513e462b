"""Which parameters suit DCL-SE and the networks it is compared with, each searched with an equal budget?

`bench tune --study hpo_baselines --trials 40` answers that: every network has the same number of candidates on every
fold, with the same sampler, pruner and seed; its defaults are the first candidate. The linear and constant baselines
are not searched. Commit the result as `studies/tuned/hpo_baselines.json`; a study then uses it by name, with each
fold's own result: Arm("dclse", tuned="hpo_baselines"). Such a study shows whether the ranking of the networks changes
(`bench guide searching` has one); `bench run --study hpo_baselines` compares their defaults. The view of the 3D network
is coarse, so that 40 candidates are affordable.

Control: the defaults of every network, which are its first candidate. Expected: selection alone makes the result better
than the defaults on validation; most of that gain is lost on test. `bench plan`: 80 % of such studies would show a
difference of 0.18 AUC on ad_oasis (0.05 takes 20 partitions and 1,600 people). Cost: not measured. It has a hundred
times the steps of the study `seeds`, before pruning: ten days on two cores, so use a GPU or a cluster.
"""

from bench.core import Arm, Data, Light, Recipe, Study, Tuning
from studies._dclse import FLOORS

STUDY = Study(
    question="Which parameters suit DCL-SE and the networks it is compared with, each searched with an equal budget?",
    datasets=[Data("ad_oasis")],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse"),
        "ResNet-18 (dynamic)": Arm("timm2d"),
        "ResNet-18 (slice)": Arm("timm2d", {"view": "slice"}),
        "DenseNet-121 (3D)": Arm("monai3d", {"view": {"kind": "volume", "mm": 5.5}}),
        "Xing 2020": Arm("xing2020"),
        **FLOORS,
    },
    floors=list(FLOORS),
    tuning=Tuning(trials=40, pruner="asha"),
    partitions=1,
    recipe=Recipe(steps=1000, batch_size=16),
    light=Light(Recipe(steps=20, batch_size=4, points=5), folds=2),
)
