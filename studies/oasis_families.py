"""Does DCL-SE beat a network of each other family, where all families can learn the answer?

The question of `main_comparison` at a size that two processor cores can decide: the sex of 415 people of OASIS-1,
images of 64 x 64 pixels, and one usual network for each family that DCL-SE claims to beat. A ResNet-18 reads the same
dynamic image; an SFCN reads the volume; joint fusion reads one slice of each plane; a student on the dynamic image
learns from the SFCN (Hinton). DCL-SE reads one dynamic image, as released, and, for comparison, dynamic images of three
axes. The trials of the ResNet-18, the SFCN, the student and DCL-SE are those of `oasis_sex` and `oasis_distillation`.

Primary: each family, and the linear model on voxels, against DCL-SE; margin of equivalence: an AUC of 0.05. The budget
of 400 steps was chosen on validation data for the ResNet-18 and the SFCN; DCL-SE still gains after it, from 0.64 at 500
planned steps to 0.77 at 1,500 in one fold (results/reference/budgets). `bench plan`: 80 % of such studies would show a
difference of 0.12 AUC on sex_oasis (0.05 takes 10,000 people).

Result: an SFCN and a linear model on voxels are better than DCL-SE; the other families are ahead of it by their means,
which is not shown; nor is a gain from three axes (results/reference/oasis_families). Cost: 3.3 hours of computing on
cores that other programs used too.
"""

from dataclasses import replace

from bench.core import Arm
from studies.oasis_distillation import STUDY as TAUGHT
from studies.oasis_sex import SMALL
from studies.oasis_sex import STUDY as SEX

THREE = {"view": {"kind": "dynamic", "plane": "all", "size": 64}}
SLICES = {"view": {"kind": "volume", "mm": 5.0}}
FAMILIES = ("ResNet-18 (2D)", "SFCN (3D)", "joint fusion (hybrid)", "Hinton (distilled)", "linear (voxels)")

STUDY = replace(
    SEX,
    question="Does DCL-SE beat a network of each other family, on the sex of a person?",
    reference="DCL-SE",
    arms={
        **{name: SEX.arms[name] for name in SEX.floors},
        "DCL-SE": SEX.arms["DCL-SE"],
        "DCL-SE, three axes": Arm("dclse", THREE),
        "ResNet-18 (2D)": Arm("timm2d", SMALL),
        "SFCN (3D)": SEX.arms["SFCN (3D)"],
        "joint fusion (hybrid)": Arm("fuseme", SLICES),
        "Hinton (distilled)": TAUGHT.arms["kd"],
    },
    contrasts=[*((name, "DCL-SE") for name in FAMILIES), ("DCL-SE, three axes", "DCL-SE")],
    primary=[(name, "DCL-SE") for name in FAMILIES],
)
