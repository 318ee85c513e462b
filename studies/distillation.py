"""Does a 3D teacher help a 2D student, by which loss, on which projection, and is it the teacher that helps?

The student reads one image of each scan; the teacher reads the volume. Losses have their published weights. The
similarity graph, probably the closest competitor of the paper, is also split into its terms, and runs on every
projection of its authors: the middle slice, 2D + epsilon, early and joint fusion of three planes, the dynamic image,
the entropy-weighted mean. Each projection is compared with its student without a teacher. Controls: an untrained
teacher, a teacher of the student's own kind, which has read no volume, and other teachers.

Expected: the gain from a teacher is too small to detect with so few scans, and an untrained teacher does no worse.
Primary: distillation against the student alone, and both losses against an untrained teacher; the rest is exploratory.
DKD is refused: with two classes its second term is empty. `bench plan`: 80 % of such studies would show a difference of
0.14 AUC on ad_oasis (0.05 takes 3,400 people). Cost: not measured in full.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import FLOORS, LIGHT
from studies.oasis_ad import VOXELS

TEACHER = {"teacher": "monai3d", "teacher_params": VOXELS}
LOSSES = (
    "kd", "fitnet", "attention_transfer", "similarity_preserving", "rkd", "pkt", "crd", "similarity_graph",
)  # fmt: skip
PROJECTIONS = {
    "slice": ("timm2d", {"view": {"kind": "slice"}}),
    "2D+e": ("timm2d", {"view": {"kind": "2d+e"}}),
    "mean": ("timm2d", {"view": {"kind": "mean"}}),
    "entropy": ("timm2d", {"view": {"kind": "entropy"}}),
    "early fusion": ("fuseme", {"fusion": "early"}),
    "joint fusion": ("fuseme", {}),
}
GRAPH = "similarity_graph"


def _taught(loss: str, **more: object) -> Arm:
    return Arm("distil", {"loss": loss, **TEACHER, **more})


def _projected(student: str, params: dict[str, object]) -> Arm:
    view = {"view": params["view"]} if "view" in params else {"view": {"kind": "volume"}}
    return _taught(GRAPH, student=student, student_params={**params, **view})


STUDY = Study(
    question="Does a 3D teacher help a 2D student, and is it the teacher's knowledge that helps?",
    datasets=[Data("ad_oasis")],
    reference="student alone",
    arms={
        "student alone": Arm("timm2d"),
        "teacher (3D)": Arm("monai3d", VOXELS),
        **{loss: _taught(loss) for loss in (*LOSSES, "dkd")},
        "graph of features alone": Arm("similarity_graph", {**TEACHER, "logit_graph": False, "metric": False}),
        "graph of answers alone": Arm("similarity_graph", {**TEACHER, "feature_graph": False, "metric": False}),
        **{f"{GRAPH} ({name})": _projected(*how) for name, how in PROJECTIONS.items()},
        **{f"student alone ({name})": Arm(*how) for name, how in PROJECTIONS.items()},
        "untrained teacher (kd)": _taught("kd", teacher_weights="random"),
        "untrained teacher": _taught(GRAPH, teacher_weights="random"),
        "born again": Arm("distil", {"loss": "kd", "teacher": ""}),
        "teacher of the student's size": Arm("distil", {"loss": GRAPH, "teacher": ""}),
        "teacher ResNet-18 (3D)": Arm(
            "distil",
            {"loss": GRAPH, "teacher": "monai3d", "teacher_params": {**VOXELS, "network": "resnet18"}},
        ),
        "teacher DCL-SE": Arm("distil", {"loss": GRAPH, "teacher": "dclse"}),
        **FLOORS,
    },
    contrasts=[
        *((loss, "student alone") for loss in LOSSES),
        *((f"{GRAPH} ({name})", f"student alone ({name})") for name in PROJECTIONS),
        (GRAPH, "untrained teacher"),
        (GRAPH, "teacher of the student's size"),
        (GRAPH, "teacher ResNet-18 (3D)"),
        (GRAPH, "teacher DCL-SE"),
        (GRAPH, "graph of features alone"),
        (GRAPH, "graph of answers alone"),
        ("kd", "untrained teacher (kd)"),
        ("kd", "born again"),
    ],
    primary=[("kd", "student alone"), ("kd", "untrained teacher (kd)"), (GRAPH, "untrained teacher")],
    floors=list(FLOORS),
    again="student alone",
    recipe=Recipe(steps=200, batch_size=16),
    light=LIGHT,
)
