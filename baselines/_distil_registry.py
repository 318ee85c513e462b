"""Distillation losses by name: the tasks that each supports, and its default weights."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import Task

CLASSES, NUMBERS, MASKS = "classification", "regression", "segmentation"
RANK_FREE = (CLASSES, NUMBERS)
PACED_BY = ("both", "teacher", "labels", "random", "all")  # what chooses the voxels of the paced curriculum
PER_SCAN = "it compares one prediction or one row of features per scan, not masks; use loss=paced_curriculum"


@dataclass(frozen=True)
class Loss:
    """kinds: supported kinds of tasks. label, weight: weights of the student's own loss and of the teacher's term.

    batch: the batch size for which the weight was published, of terms that compare the scans of a batch with each
    other; 0: the term does not depend on the batch.
    """

    kinds: tuple[str, ...]
    weight: float
    label: float = 1.0
    temperature: float = 1.0
    batch: int = 0
    ramp: float = 0.0  # fraction of the steps over which the teacher's term grows from 0
    why: str = PER_SCAN  # reason for the error on other kinds of tasks


LOSSES = {
    "kd": Loss((CLASSES,), 0.9, 0.1, 4.0, why="it compares the probabilities of classes, and a number has none"),
    "dkd": Loss(
        (CLASSES,), 1.0, 1.0, 4.0, ramp=1 / 12, why="it compares the probabilities of classes, and a number has none"
    ),
    "fitnet": Loss(RANK_FREE, 100.0),
    "attention_transfer": Loss(RANK_FREE, 1000.0),
    "similarity_preserving": Loss(RANK_FREE, 3000.0, batch=64),
    "rkd": Loss(RANK_FREE, 1.0, batch=64),
    "pkt": Loss(RANK_FREE, 30000.0, batch=64),
    "crd": Loss((CLASSES,), 0.8, why="its negatives are scans of other classes, and numbers have no classes"),
    "similarity_graph": Loss(RANK_FREE, 5.0, 1.0, 5.0),
    "l1": Loss((NUMBERS,), 1.0, why="it compares numbers, not classes; loss=kd compares the probabilities of classes"),
    "paced_curriculum": Loss(
        (MASKS,), 1.0, 0.0, 4.5, why="it weights the voxels of masks, and one prediction per scan has no voxels"
    ),
}


def refusal(name: str, task: Task) -> str | None:
    """Why the loss does not support the task, for an error message."""
    loss = LOSSES[name]
    if task.kind not in loss.kinds:
        why = PER_SCAN if task.kind == MASKS else loss.why
        return f"loss={name} does not support {task.kind}: {why}"
    if name == "dkd" and len(task.classes) < 3:
        return (
            "loss=dkd needs three classes or more: its second term compares the other classes with each "
            "other, and with two classes only one is left, so the term is 0 for any student"
        )
    return None
