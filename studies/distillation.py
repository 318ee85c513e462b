"""Does a 3D teacher help a 2D student, by which loss, on which projection, and is it the teacher that helps?

The student reads one image of each scan; the teacher reads the volume. Losses at their published weights; the
similarity graph, the likely rival of the paper, also on the mean and the middle slice. Controls: an untrained teacher,
which knows nothing, and a teacher of the student's own kind, which has seen no volume.

Expected: what a teacher adds stays below what so few scans can show, and an untrained teacher does no worse.
Cost: two and a half hours on two cores for OASIS-1.
"""

from bench.core import Arm, Data, Recipe, Study
from studies._dclse import LIGHT
from studies.oasis_ad import VOXELS

TEACHER = {"teacher": "monai3d", "teacher_params": VOXELS}


def _taught(loss: str, **more: object) -> Arm:
    return Arm("distil", {"loss": loss, **TEACHER, **more})


STUDY = Study(
    question="Does a 3D teacher help a 2D student, and is it what the teacher knows that helps?",
    datasets=[Data("ad_oasis")],
    reference="student alone",
    arms={
        "student alone": Arm("timm2d"),
        "teacher (3D)": Arm("monai3d", VOXELS),
        **{
            loss: _taught(loss)
            for loss in (
                "kd", "fitnet", "attention_transfer", "similarity_preserving", "rkd", "pkt", "crd", "similarity_graph"
            )
        },
        "similarity_graph (mean)": _taught("similarity_graph", student_params={"view": {"kind": "mean"}}),
        "similarity_graph (slice)": _taught("similarity_graph", student_params={"view": {"kind": "slice"}}),
        "born again": Arm("distil", {"loss": "kd", "teacher": ""}),
        "untrained teacher": _taught("similarity_graph", teacher_weights="random"),
        "linear (voxels)": Arm("linear"),
    },
    floors=["linear (voxels)"],
    again="student alone",
    recipe=Recipe(steps=200, batch_size=16),
    light=LIGHT,
)  # fmt: skip
