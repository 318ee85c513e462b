"""Records of predictions that were made elsewhere: scores as for trained arms, and no word on what is unknown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import __version__
from bench.core import Labels, Record, Spec, Trial, task_kind
from bench.core.outside_arm import OUTSIDE
from bench.data import splits
from bench.data.covariates import stored_covariates
from bench.data.splits import Fold
from bench.evaluation.metrics import evaluate, metric
from bench.experiments.outside.division import Division, Place
from bench.storage import provenance
from bench.storage.record_store import Store


@dataclass(frozen=True)
class Declaration:
    """What a user declares of an arm that was trained elsewhere. Nothing of it can be checked.

    Attributes
    ----------
    name : str
        Name of the method.
    trained : {"folds", "elsewhere"}
        On the training parts of the exported folds, or on something else.
    selection : str
        How the model was selected; empty: unknown.
    """

    name: str
    trained: str
    selection: str = ""


def outside_trial(division: Division, place: Place, declared: Declaration, checksum: str) -> Trial:
    """The trial of one fold of an arm from outside; no trained arm can have its key.

    Parameters
    ----------
    division : Division
        Data set and folds.
    place : (int, int)
        Partition and fold.
    declared : Declaration
        What the user declares.
    checksum : str
        Of the file of the predictions.

    Returns
    -------
    Trial
        With `OUTSIDE` in place of a method.
    """
    params = {"name": declared.name, "trained": declared.trained, "selection": declared.selection}
    method = Spec(OUTSIDE, 1, {**params, "predictions": checksum})
    where = division.prepared.spec, method, division.split, Labels()
    return Trial(*where, partition=place[0], fold=place[1])


def store_predictions(
    division: Division, predictions: Mapping[Place, np.ndarray], declared: Declaration, checksum: str, store: Store
) -> list[Trial]:
    """Score the predictions of every fold and save a record of each.

    Parameters
    ----------
    division : Division
        Data set and folds.
    predictions : mapping of (int, int) to ndarray
        Partition and fold -> predictions of its test part.
    declared : Declaration
        What the user declares.
    checksum : str
        Of the file of the predictions.
    store : Store
        The records; one that exists stays.

    Returns
    -------
    list of Trial
        In the order of the folds.
    """
    trials = []
    store.open()
    for place, fold in division.places():
        trial = outside_trial(division, place, declared, checksum)
        if store.verified(trial.key) is None:
            store.put(*_record(division, trial, fold, predictions[place]))
        trials.append(trial)
    return trials


def _record(division: Division, trial: Trial, fold: Fold, predicted: np.ndarray) -> tuple[Record, dict[str, Any]]:
    prepared, rows = division.prepared, fold.test
    task, spacing = prepared.task, prepared.spacing
    y = _targets(division, rows)
    scores = {"selected": evaluate(task, y, predicted, spacing), "last": {}, "validation": {}, "audit": {}}
    known = splits.shared_groups(prepared, fold)
    if known.any():
        scores["unshared"] = {} if known.all() else evaluate(task, y[~known], predicted[~known], spacing)
    arrays = {"ids": np.array(prepared.ids)[rows], "groups": np.array(prepared.groups)[rows]}
    arrays |= stored_covariates(prepared, np.asarray(rows)) if task_kind(task.kind).part is None else {}
    if not task.per_voxel:
        arrays |= {"y": y, "selected": predicted}
    elif (judge := metric(task.primary)).each is not None:
        arrays |= {"scan_scores": judge.values(y, predicted, spacing)}
    declared = {name: trial.method.params[name] for name in ("name", "trained", "selection")}
    made = {
        "bench": __version__,
        "code": provenance.code(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "notes": [],
    }
    sizes = _sizes(division, fold) | ({"test_shared": int(known.sum())} if known.any() else {})
    return Record(trial, "done", scores, (), {"outside": declared}, sizes, {}, made), arrays


def _targets(division: Division, rows: np.ndarray) -> np.ndarray:
    prepared = division.prepared
    if prepared.task.per_voxel:
        return np.asarray(prepared.masks()[rows])
    targets = prepared.targets[rows]
    return targets.astype(np.int64) if prepared.task.classes else targets


def _sizes(division: Division, fold: Fold) -> dict[str, int]:
    """Sizes of the parts of the fold: those that an arm from outside could learn from, whatever it did learn from."""
    people, sizes = division.prepared.people or division.prepared.groups, {}
    for part in ("train", "val", "test"):
        rows = getattr(fold, part)
        sizes |= {part: len(rows), f"{part}_groups": len({people[row] for row in rows})}
    return sizes


def why_not_scored(division: Division) -> str:
    """Why predictions for a data set cannot come from elsewhere; empty if they can.

    Parameters
    ----------
    division : Division
        The data set.

    Returns
    -------
    str
        The reason.
    """
    kind = division.prepared.task.kind
    if task_kind(kind).part is not None:
        return f"predictions of {kind} are not read from files: train the method here, as a plug-in"
    return ""
