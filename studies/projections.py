"""Which image of a volume is the best input for one 2D network?

The network and its training stay the same; its input changes: the dynamic image by three coefficients and along three
axes, all three at once, the mean, the maximum, the entropy-weighted mean, one slice, three slices, 2D+e; and early and
joint fusion of three planes, and slices with learnt weights.

Expected: no image differs detectably from the dynamic image. The classes of `phantom_order` differ only in the order of
slices, so only dynamic images, which depend on the order, can separate them. Primary: the mean and the shuffled slices
against the dynamic image; the rest is exploratory. `bench plan`: 80 % of such studies would show a difference of 0.15
AUC on ad_oasis (0.05 takes 4,100 people); 1.81 years of MAE on age_oasis (1 year takes 20 partitions and 1,100 people);
0.24 AUC on phantom_order (0.05 takes 2,700 people). Result, primary arms on age_oasis, four partitions
(results/reference/projections): shuffled slices are worse by 1.5 years; the mean scored the same as the dynamic image,
and 0.84 years would have been found. Cost: six hours on two cores for OASIS-1 (measured for one partition: one and a
half).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, LIGHT

VIEWS = {
    "dynamic (bilen)": {"kind": "dynamic", "channels": 3},
    "dynamic (linear)": {"kind": "dynamic", "coefficients": "linear", "channels": 3},
    "dynamic (running)": {"kind": "dynamic", "coefficients": "running", "channels": 3},
    "dynamic (coronal)": {"kind": "dynamic", "plane": "coronal", "channels": 3},
    "dynamic (axial)": {"kind": "dynamic", "plane": "axial", "channels": 3},
    "dynamic (three axes)": {"kind": "dynamic", "plane": "all"},
    "dynamic (shuffled)": {"kind": "dynamic", "channels": 3, "shuffle": 1},
    "mean": {"kind": "mean"},
    "max": {"kind": "max"},
    "entropy": {"kind": "entropy"},
    "slice": {"kind": "slice"},
    "2D+e": {"kind": "2d+e"},
    "orthogonal": {"kind": "orthogonal"},
}

STUDY = Study(
    question="Which image of a volume is the best input for one 2D network?",
    datasets=[Data("ad_oasis"), Data("age_oasis"), Data("phantom_order")],
    reference="dynamic (bilen)",
    arms={
        **{name: Arm("timm2d", {"view": view}) for name, view in VIEWS.items()},
        "early fusion": Arm("fuseme", {"fusion": "early"}),
        "joint fusion": Arm("fuseme"),
        "learnt weights": Arm("weighted_pooling"),
        **FLOORS,
    },
    primary=[("mean", "dynamic (bilen)"), ("dynamic (shuffled)", "dynamic (bilen)")],
    floors=list(FLOORS),
    again="dynamic (bilen)",
    recipe=Recipe(steps=200, batch_size=16),
    light=LIGHT,
    missing="skip",
)
