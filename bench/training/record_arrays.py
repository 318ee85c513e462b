"""The arrays that are stored with the record of a trial: names of the test samples, and predictions or scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.core import Task, task_kind
from bench.data.covariates import stored_covariates
from bench.data.loader import Part
from bench.data.prepare import Prepared
from bench.evaluation.metrics import metric
from bench.training.task_parts import sample_names


def record_arrays(
    prepared: Prepared,
    rows: np.ndarray,
    test: Part,
    selected: np.ndarray,
    last: np.ndarray,
    learnt: Task,
    spacing: Sequence[float] | None,
) -> dict[str, np.ndarray]:
    """The arrays of a trial by name.

    Parameters
    ----------
    prepared : Prepared
        The data set that was tested on.
    rows : ndarray of shape (R,)
        Its scans.
    test : Part
        The samples that they make, N.
    selected, last : ndarray of shape (N, ...)
        Predictions at the selected and at the last evaluation point.
    learnt : Task
        The task that was learnt.
    spacing : sequence of float or None
        Voxel size along each axis, in mm.

    Returns
    -------
    dict of str to ndarray
        `ids` and `groups` (N,); the covariates of the scans, if samples are scans; `y`, `selected` and `last` of
        classes and numbers; of label maps and displacements, which are large, `scan_scores` (N,) by the primary metric
        instead, and what the kind of task and its part add.
    """
    task = prepared.task
    ids, groups = sample_names(prepared, test, rows)
    known = stored_covariates(prepared, np.asarray(rows)) if task_kind(task.kind).part is None else {}
    arrays = {"ids": ids, "groups": groups, **known}
    if not learnt.per_voxel:
        return arrays | {"y": test.y, "selected": selected, "last": last}
    if (judge := metric(task.primary)).each is not None:
        arrays |= {"scan_scores": judge.values(test.y, selected, spacing)}
    if more := task_kind(task.kind).saved:
        arrays |= more(task, np.asarray(test.y), selected, spacing)
    if hasattr(test, "pictures"):
        arrays |= test.pictures()
    return arrays
