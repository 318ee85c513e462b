"""Does the dynamic curriculum of DCL-SE help?

The curriculum is in the paper but not in the released code: outputs after four stages, whose losses are weighted by the
share of the labels that the stages have learnt. Here the weights (equal, a ramp, by the Cur sets in three readings and
either direction, scan by scan) and the fusion of the stages are factors, and so are the outputs themselves: a gain from
deep supervision is not a gain from a curriculum.

Control: outputs after all stages with equal weights, the last stage's prediction. Expected: no schedule differs from
equal weights. Primary: weights by the Cur sets against equal weights; the rest is exploratory. `bench plan`: 80 % of
such studies would show a difference of 0.15 AUC on ad_oasis (0.05 takes 4,100 people); 1.81 years of MAE on age_oasis
(1 year takes 20 partitions and 1,100 people); 0.14 AUC on ad_mri2d (0.05 takes 4,100 people); 0.06 balanced accuracy
on bt_mri (0.05 takes 4,000 people); 0.05 AUC on bt_ct (0.05 takes 5,600 people); 0.02 Dice on artery_cas (0.02 takes
140 people). Cost: six hours on two cores for the two OASIS sets (measured for one partition: one and a half).
"""

from bench.core import Arm, Factor, Recipe, Study
from studies._dclse import EVERYTHING, FLOORS, FULL, LIGHT

STUDY = Study(
    question="Does the dynamic curriculum of DCL-SE help?",
    datasets=EVERYTHING,
    base=Arm("dclse", {"auxiliary": True}),
    factors={
        "schedule": Factor(
            levels={
                "equal": {"dcl": "none"},
                "ramp": {"dcl": "ramp"},
                "cur": {"dcl": "cur"},
                "cur, corrected": {"dcl": "cur", "dcl_reading": "corrected"},
                "cur, union": {"dcl": "cur", "dcl_reading": "union"},
                "cur, hard sets": {"dcl": "cur", "dcl_sets": "hard"},
                "cur, complex first": {"dcl": "cur", "dcl_temperature": -0.5},
                "residual": {"dcl": "residual"},
            },
            control="equal",
        ),
        "fusion": Factor(levels={"last": {"fusion": "last"}, "attention": {"fusion": "attention"}}, control="last"),
        "outputs": Factor(  # masks always have outputs: a weight of 0 does not change the prediction there either
            levels={"stages": {}, "answer alone": {"auxiliary": False, "auxiliary_weight": 0.0}}, control="stages"
        ),
    },
    arms={"DCL-SE full": Arm("dclse", FULL), **FLOORS},
    primary=[("schedule=cur", "control")],
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8),
    light=LIGHT,
    missing="skip",
)
