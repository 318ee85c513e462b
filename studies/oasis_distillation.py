"""Does a 3D teacher help a 2D student to tell sex on OASIS-1, and is it the teacher that helps?

The question of `distillation` where there is something to teach: on these people the SFCN that reads the volume is
better than a ResNet-18 that reads one image of it, by 0.09 AUC (results/reference/oasis_sex). The student is that
ResNet-18, the teacher that SFCN, both trained as there: their trials are the same. The teacher gives its answers (kd),
or the similarities that it sees between people (similarity graph). The control is an untrained teacher (kd).

Primary: each kind of teacher against the student alone, and the answers of a trained teacher against those of an
untrained one; margin of equivalence: an AUC of 0.05. `bench plan`: 80 % of such studies would show a difference of
0.11 AUC on sex_oasis (0.05 takes 5,900 people).

Result: answers of the teacher add 0.025, not shown; the similarity graph changes less than 0.05; an untrained teacher
does harm (results/reference/oasis_distillation). Cost: 2.1 hours of computing on a
processor that other programs used too.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS
from studies.oasis_sex import SMALL
from studies.oasis_sex import STUDY as SEX

TEACHER = {"teacher": "sfcn", "teacher_params": dict(SEX.arms["SFCN (3D)"].params)}
STUDENT = {"student": "timm2d", "student_params": SMALL}


def _taught(loss: str, **more: object) -> Arm:
    return Arm("distil", {"loss": loss, **TEACHER, **STUDENT, **more})


STUDY = Study(
    question="Does a 3D teacher help a 2D student to tell sex on OASIS-1, and is it the teacher that helps?",
    datasets=[Data("sex_oasis")],
    reference="student alone",
    arms={
        **FLOORS,
        "student alone": Arm("timm2d", SMALL),
        "teacher (3D)": SEX.arms["SFCN (3D)"],
        "kd": _taught("kd"),
        "untrained teacher (kd)": _taught("kd", teacher_weights="random"),
        "similarity graph": _taught("similarity_graph"),
    },
    contrasts=[
        ("kd", "student alone"),
        ("similarity graph", "student alone"),
        ("kd", "untrained teacher (kd)"),
        ("kd", "teacher (3D)"),
    ],
    primary=[("kd", "student alone"), ("similarity graph", "student alone"), ("kd", "untrained teacher (kd)")],
    floors=list(FLOORS),
    margin=0.05,
    recipe=Recipe(steps=400, batch_size=8, points=10),
)
