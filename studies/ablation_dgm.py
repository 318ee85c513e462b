"""Does the dynamic group mechanism of DCL-SE help, at which position, and with which groups?

In the only public ablation the gain is two scans of 57 with the epoch chosen on the test fold, and none without that
choice. Here the mechanism is a factor: at all four positions (the released network, the control), at none, at one; its
groups fixed or learnt, four, two or one, its ratio four or two. Data sets that are not prepared are left out; the
report names them.

Control: the released network, on the same folds with the same seeds. Expected: no level differs from it by more than
the smallest difference that can be detected with so many scans. Primary: all positions against none; the rest is
exploratory. `bench plan`: 80 % of such studies would show a difference of 0.15 AUC on ad_oasis (0.05 takes 4,100
people); 1.81 years of MAE on age_oasis (1 year takes 20 partitions and 1,100 people); 0.14 AUC on ad_mri2d (0.05
takes 4,100 people); 0.06 balanced accuracy on bt_mri (0.05 takes 4,000 people); 0.05 AUC on bt_ct (0.05 takes 5,600
people); 0.02 Dice on artery_cas (0.02 takes 140 people). Cost: ten hours on two cores for the two OASIS sets
(measured for one partition: two and a half); without any prepared set the phantoms run in the light form, in about
half an hour. Result: all positions against none, no difference shown on dementia (one partition) and on ages (0.50
years in favour of the mechanism; 0.92 would have been found).
"""

from bench.core import Arm, Factor, Recipe, Study
from studies._dclse import EVERYTHING, FLOORS, FULL, LIGHT

STUDY = Study(
    question="Does the dynamic group mechanism of DCL-SE help, and at which position?",
    datasets=EVERYTHING,
    base=Arm("dclse"),
    factors={
        "dgm": Factor(
            levels={
                "all": {"dgm": ["S1", "S4", "S6", "C1"]},
                "off": {"dgm": []},
                "S1": {"dgm": ["S1"]},
                "S4": {"dgm": ["S4"]},
                "S6": {"dgm": ["S6"]},
                "C1": {"dgm": ["C1"]},
            },
            control="all",
        ),
        "gpconv": Factor(
            levels={"fixed": {"gpconv": "fixed"}, "learnt": {"gpconv": "dynamic", "gpconv_penalty": 0.01}},
            control="fixed",
        ),
        "groups": Factor(levels={"4": {"dgm_groups": 4}, "2": {"dgm_groups": 2}, "1": {"dgm_groups": 1}}, control="4"),
        "ratio": Factor(levels={"4": {"dgm_ratio": 4}, "2": {"dgm_ratio": 2}}, control="4"),
    },
    arms={"DCL-SE full": Arm("dclse", FULL), **FLOORS},
    primary=[("dgm=off", "control")],
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8),
    light=LIGHT,
    missing="skip",
)
