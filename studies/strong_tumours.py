"""Can the methods learn tumours that certainly exist?

Phantoms of brain tumours in MR and in CT, large and bright, whose best possible score is known; 600 people each, images
of 128 pixels. Scans are flipped left to right at random, for every network alike. A method that stays far from the
oracle here has not learnt, and its score on real scans is not evidence about its idea.

Expected: DCL-SE reaches nine tenths of the way from chance to the oracle. That needs batches of sixteen: with eight,
900 steps end at balanced accuracies of .98 and .81 on the two folds in MR, the second after it stayed for 600 steps
where two of the classes look alike; 300 steps are too few. At 64 pixels it cannot: a small tumour is a few pixels wide,
and the network halves an image five times. One partition, as effects so large need no more. Cost: five to seven minutes
of one processor core for each run of DCL-SE, as seen on a busy machine. `bench plan`: 80 % of such studies would show a
difference of 0.12 balanced accuracy on phantom_bt_mri (0.05 takes 20 partitions and 1,300 people); 0.13 AUC on
phantom_bt_ct (0.05 takes 20 partitions and 1,600 people).
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FULL, SCAN_FLOORS

FLIP = {"augment": "flip"}

STUDY = Study(
    question="Can the methods learn tumours that certainly exist?",
    datasets=[
        Data("phantom_bt_mri", {"effect": 2.0, "subjects": 600}),
        Data("phantom_bt_ct", {"effect": 2.0, "subjects": 600}),
    ],
    reference="DCL-SE",
    arms={
        "DCL-SE": Arm("dclse", FLIP),
        "DCL-SE full": Arm("dclse", {**FULL, **FLIP}),
        "ResNet-18": Arm("timm2d", FLIP),
        **SCAN_FLOORS,
    },
    floors=list(SCAN_FLOORS),
    partitions=1,
    recipe=Recipe(steps=450, batch_size=16, points=15),
)
