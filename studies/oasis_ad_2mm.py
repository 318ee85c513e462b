"""The question of `oasis_ad` with the 3D arms at 2 mm and more steps: for a GPU.

`bench plan`: 80 % of such studies would show a difference of 0.14 AUC on ad_oasis (0.05 takes 2,700 people).
"""

from dataclasses import replace

from bench.core import Recipe
from studies.oasis_ad import STUDY as COARSE

FINE = {"view": {"kind": "volume", "mm": 2.0}}
ARMS = dict(COARSE.arms)
ARMS["DenseNet-121 (3D)"] = replace(ARMS["DenseNet-121 (3D)"], params=FINE)
ARMS["similarity graph"] = replace(ARMS["similarity graph"], params={"teacher": "monai3d", "teacher_params": FINE})

STUDY = replace(
    COARSE,
    question=COARSE.question + " (3D arms at 2 mm)",
    arms=ARMS,
    recipe=Recipe(steps=1500, batch_size=16),
)
