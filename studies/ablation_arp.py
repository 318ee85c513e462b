"""Does approximate rank pooling help, and which of its choices?

The dynamic image is a weighted sum of slices, and its weights were changed by an off-by-one error in the common port.
Here the pooling is a factor: coefficients, axis, direction, three axes as channels, learnt weights; against the mean,
the maximum, the entropy-weighted mean, the middle slice, and a dynamic image of shuffled slices, which has the same
weights in a meaningless order.

Control: the network as released, with running coefficients, sagittal, forwards. Expected: the order of the slices does
not matter for dementia and age, so shuffled slices and the mean do as well; on `phantom_order` only the order matters.
Primary: the mean and the shuffled slices against the control; the rest is exploratory. Volumes only: images have no
slices to pool. `bench plan`: 80 % of such studies would show a difference of 0.15 AUC on ad_oasis (0.05 takes 4,100
people); 1.81 years of MAE on age_oasis (1 year takes 20 partitions and 1,100 people); 0.24 AUC on phantom_order (0.05
takes 2,700 people). Cost: twelve hours on two cores for the two OASIS sets (measured for one partition: three).
"""

from bench.core import Arm, Data, Factor, Recipe, Study
from studies._dclse import EXACT, FLOORS, FULL, LIGHT, VOLUMES

RELEASED = {"kind": "dynamic", "plane": "sagittal", "coefficients": "running", "quantise": True, "channels": 3}

STUDY = Study(
    question="Does approximate rank pooling help DCL-SE, and which of its choices?",
    datasets=[*VOLUMES, Data("phantom_order")],
    base=Arm("dclse"),
    factors={
        "pooling": Factor(
            levels={
                "rank": {},
                "mean": {"view": "mean"},
                "max": {"view": "max"},
                "entropy": {"view": "entropy"},
                "middle slice": {"view": "slice"},
                "shuffled slices": {"view": {**RELEASED, "shuffle": 1}},
                "learnt weights": {"view": "volume", "pooling": {"kind": "dynamic", "coefficients": "running"}},
            },
            control="rank",
        ),
        "coefficients": Factor(
            levels={
                "running": {},
                "bilen": {"view": EXACT},
                "linear": {"view": {**EXACT, "coefficients": "linear"}},
            },
            control="running",
        ),
        "axis": Factor(
            levels={
                "sagittal": {},
                "coronal": {"view": {**RELEASED, "plane": "coronal"}},
                "axial": {"view": {**RELEASED, "plane": "axial"}},
                "all": {"view": {**RELEASED, "plane": "all", "channels": 1}},
            },
            control="sagittal",
        ),
        "direction": Factor(
            levels={"forwards": {}, "backwards": {"view": {**RELEASED, "reverse": True}}}, control="forwards"
        ),
    },
    arms={"DCL-SE full": Arm("dclse", FULL), **FLOORS},
    primary=[("pooling=mean", "control"), ("pooling=shuffled slices", "control")],
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8),
    light=LIGHT,
    missing="skip",
)
