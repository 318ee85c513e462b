"""From which effect on does each kind of method find it, and how far is it from the best possible reader?

The phantom of dementia at five effects, from none to strong: the same 600 people each time, whose atrophy grows with
the effect while anatomy, age, shading and noise stay. The best possible score is known at every effect, so the figure
*levels* shows what a method loses to it where the effect is faint and where it is strong. Voxels of 8 mm and images of
64 x 64 pixels, so that many people cost little; three halvings leave the 3D network some positions on such voxels.

Expected: at no effect all are at chance; a linear model is nearest to the oracle, because the atrophy is at one place
in every head; networks need a stronger effect. `bench plan`: 80 % of such studies would show a difference of 0.15 AUC
on phantom_ad (0.05 takes 20 partitions and 2,200 people). Cost: about 35 minutes on one core. Result:
results/reference/graded.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS

EFFECTS = (0.0, 0.25, 0.5, 1.0, 2.0)
HEADS = {"subjects": 600, "mm": 8.0}
SMALL = {"view": {"kind": "dynamic", "size": 64}}

STUDY = Study(
    question="From which effect on does each kind of method find it, and how far is it from the best possible reader?",
    datasets=[Data("phantom_ad", {**HEADS, "effect": effect}, label=f"effect_{effect:g}") for effect in EFFECTS],
    reference="linear (voxels)",
    arms={
        **FLOORS,
        "ResNet-18 (dynamic)": Arm("timm2d", SMALL),
        "DCL-SE": Arm("dclse", SMALL),
        "SFCN (3D)": Arm("sfcn", {"view": {"kind": "volume", "mm": 8.0}, "channels": [32, 64, 128, 64]}),
    },
    floors=list(FLOORS),
    partitions=1,
    recipe=Recipe(steps=200, batch_size=8, points=10),
)
