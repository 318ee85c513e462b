"""The targets of the scans of a trial: as prepared, permuted, or with faults in those of the training part."""

from __future__ import annotations

import numpy as np

from bench.core import Task, Trial
from bench.data import splits
from bench.data.missing_components import IncompleteMasks
from bench.data.prepare import Prepared
from bench.data.splits import Fold


def why_no_such_labels(trial: Trial, task: Task) -> str | None:
    """Return why the labels that a trial asks for do not exist in a task; None if they do.

    Parameters
    ----------
    trial : Trial
    task : Task
        The task of its data.

    Returns
    -------
    str or None
        The reason, as a clause for a sentence.
    """
    if trial.labels.kind == "flipped" and task.kind != "classification":
        return "labels can be flipped between classes only, and this task has no classes"
    if trial.labels.kind == "missing" and task.kind != "segmentation":
        return f"components are left out of masks that are learnt, and this task is {task.kind}"
    return None


def trial_targets(trial: Trial, prepared: Prepared, fold: Fold) -> np.ndarray | IncompleteMasks:
    """Targets of all scans, to be indexed by rows. Faults are in those of the training part only.

    Parameters
    ----------
    trial : Trial
        Its `labels` say what is changed.
    prepared : Prepared
        Its data.
    fold : Fold
        Its parts.

    Returns
    -------
    ndarray or IncompleteMasks
        (N,) class indices or numbers, or (N, ...) masks.
    """
    labels = trial.labels
    if labels.kind == "missing":
        chance = (prepared.name, trial.seed)
        return IncompleteMasks(prepared.masks(), fold.train, labels.share, prepared.ids, *chance)
    if prepared.task.per_voxel:
        return label_maps(prepared)
    targets = prepared.targets
    if labels.kind == "permuted":
        targets = splits.permute_labels(targets, prepared.clusters, labels.number)
    targets = targets.astype(np.int64) if prepared.task.kind == "classification" else targets
    if labels.kind != "flipped":
        return targets
    place, classes = (prepared.name, trial.partition, trial.fold), len(prepared.task.classes)
    return splits.flip_labels(targets, prepared.groups, fold.train.tolist(), classes, labels.share, *place)


def label_maps(prepared: Prepared) -> np.ndarray:
    """Label maps (N, ...); zeros where a data set for registration has none, as one number for all voxels of a scan.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    ndarray
    """
    masks = prepared.masks()
    return np.zeros(len(prepared.ids), np.uint8) if masks is None else masks
