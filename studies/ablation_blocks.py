"""Do the blocks of DCL-SE need their third pointwise convolution, their second branch, their attention?

The network has the layout of MobileNetV2 with three additions; no public ablation of them exists. Each addition is
removed alone. LB2, the block of several branches, is used where the image is halved; here also at no stage and at all.

Control: the released network. Expected: the third pointwise convolution, half of the time and of the weights, is not
needed. Primary: the three parts of the question; the rest is exploratory. `bench plan`: 80 % of such studies would
show a difference of 0.16 AUC on ad_oasis (0.05 takes 13,000 people); 2.02 years of MAE on age_oasis (1 year takes 20
partitions and 1,500 people); 0.16 AUC on ad_mri2d (0.05 takes 13,000 people); 0.07 balanced accuracy on bt_mri (0.05
takes 13,000 people); 0.06 AUC on bt_ct (0.05 takes 270,000 people); 0.03 Dice on artery_cas (0.02 takes 180 people).
Cost: two hours on two cores for the two OASIS sets (measured for one partition: half an hour).
"""

from bench.core import Arm, Factor, Recipe, Study
from studies._dclse import EVERYTHING, FLOORS, FULL, LIGHT

EVERY = [f"S{at}" for at in range(1, 8)]

STUDY = Study(
    question="Do the blocks of DCL-SE need their third pointwise convolution, second branch and attention?",
    datasets=EVERYTHING,
    base=Arm("dclse"),
    factors={
        "third pointwise": Factor(levels={"on": {}, "off": {"pointwise": False}}, control="on"),
        "LB2": Factor(
            levels={"where the image is halved": {}, "nowhere": {"lb2": []}, "every stage": {"lb2": EVERY}},
            control="where the image is halved",
        ),
        "second branch": Factor(levels={"on": {}, "off": {"second_branch": False}}, control="on"),
        "attention": Factor(levels={"on": {}, "off": {"attention": False}}, control="on"),
    },
    arms={"DCL-SE full": Arm("dclse", FULL), **FLOORS},
    primary=[(f"{name}=off", "control") for name in ("third pointwise", "second branch", "attention")],
    floors=list(FLOORS),
    recipe=Recipe(steps=200, batch_size=8),
    light=LIGHT,
    missing="skip",
)
