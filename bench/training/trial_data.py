"""The scene of a trial: its fold, its labels, and the scans as one method's view shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from bench import registry
from bench.core import DataSpec, RunAbortedError, Trial
from bench.data import splits
from bench.data.loader import Normaliser, Part, view_array
from bench.data.prepare import Prepared, open_prepared
from bench.data.splits import Fold
from bench.method import Method
from bench.views import View, Volume, effective


class RefusalError(Exception):
    """The method cannot do this task on this data: a record of its own kind, no failure."""


@dataclass(frozen=True)
class TrialData:
    """What one training is given, and what it is tested on."""

    prepared: Prepared
    method: Method  # as it is on scans of this spacing
    fold: Fold
    targets: np.ndarray
    view: View
    array: np.ndarray  # (N, *shape after the view)
    normaliser: Normaliser
    device: torch.device
    external: ExternalTest | None = None  # what is tested on, where that is not the test part of the fold

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[1:])

    def part(self, rows: np.ndarray) -> Part:
        return Part(self.array, rows, self.targets[rows], self.normaliser, self.device)

    @property
    def tested(self) -> ExternalTest:
        """The scans that are tested on, in order."""
        if self.external is not None:
            return self.external
        return ExternalTest(self.prepared, self.array, self.fold.test, self.targets[self.fold.test])

    def test(self) -> Part:
        """The scans that are tested on, normalised as those that were learnt from."""
        tested = self.tested
        return Part(tested.array, tested.rows, tested.targets, self.normaliser, self.device)


@dataclass(frozen=True)
class ExternalTest:
    """Scans that a network is tested on. gathers: (classes learnt, classes there), 1 where one counts as the other."""

    prepared: Prepared
    array: np.ndarray  # (N, *shape after the view)
    rows: np.ndarray
    targets: np.ndarray  # of `rows`
    gathers: np.ndarray | None = None

    def said(self, predictions: np.ndarray) -> np.ndarray:
        """Predictions in terms of the classes that these scans have."""
        return predictions if self.gathers is None else predictions @ self.gathers


def lay_out(trial: Trial, method: Method, device: torch.device) -> TrialData:
    """The scene of a trial as `method` sees it. RefusalError where it or its curriculum cannot do this."""
    prepared = _opened(trial.data)
    method = method.bind_spacing(prepared.spacing)
    if reason := method.refuses(prepared.task, prepared.shape):
        raise RefusalError(reason)
    if prepared.task.kind == "segmentation" and method.augment != "none":
        raise RefusalError("augmentation changes scans and not their masks; set augment to none")
    fold = _limited(splits.fold(prepared, trial.split, trial.partition, trial.fold), prepared, trial.recipe.scans)
    targets = _noisy(trial, prepared, fold, _targets(trial, prepared))
    view = effective(method.view_for(prepared.task), prepared.shape)
    if prepared.task.kind == "segmentation" and isinstance(view, Volume):
        view = Volume()  # masks stay on their grid, and so do the scans
    array = view_array(prepared, view)
    if prepared.task.kind == "segmentation" and array.shape[2:] != tuple(prepared.shape[1:]):
        raise RefusalError(f"the view {view.kind_name} changes the grid, and the masks stay on theirs")
    curriculum = registry.make("curricula", trial.curriculum.name, trial.curriculum.params)
    if reason := curriculum.refuses(method, prepared.task, tuple(array.shape[1:])):
        raise RefusalError(f"the curriculum {trial.curriculum.name} cannot act on it: {reason}")
    channels = Normaliser.fit(array, fold.train) if method.normalise == "train" else Normaliser.none(array.shape[1])
    elsewhere = _elsewhere(trial, method, prepared, array) if trial.external else None
    return TrialData(prepared, method, fold, targets, view, array, channels, device, elsewhere)


def _elsewhere(trial: Trial, method: Method, learnt: Prepared, array: np.ndarray) -> ExternalTest:
    """All scans of the other data set, as this method's view shows them."""
    other = _opened(trial.external.data)
    seen = view_array(other, effective(method.view_for(learnt.task), other.shape))
    if seen.shape[1:] != array.shape[1:]:
        shapes = f"{tuple(seen.shape[1:])} on {other.name} and {tuple(array.shape[1:])} on {learnt.name}"
        raise RefusalError(f"its view gives {shapes}: one network cannot read both; prepare them alike")
    gathers = None
    if labels := trial.external.labels:
        gathers = np.zeros((len(learnt.task.classes), len(other.task.classes)))
        for row, name in enumerate(learnt.task.classes):
            gathers[row, other.task.classes.index(labels[name])] = 1
    targets = other.masks() if other.task.kind == "segmentation" else other.targets
    targets = targets.astype(np.int64) if other.task.kind == "classification" else targets
    rows = np.arange(len(other.ids))[: trial.recipe.scans or None]
    return ExternalTest(other, seen, rows, targets[rows], gathers)


def _opened(data: DataSpec) -> Prepared:
    prepared = open_prepared(data.name, data.params)
    if prepared is None or prepared.fingerprint != data.fingerprint:
        state = "is not prepared any more" if prepared is None else "was prepared anew since the study was planned"
        raise RunAbortedError(f"{data.name} {state}; start the study again")
    return prepared


def _targets(trial: Trial, prepared: Prepared) -> np.ndarray:
    """(N,) class indices or numbers, permuted where the trial says so; (N, ...) masks."""
    if prepared.task.kind == "segmentation":
        return prepared.masks()
    targets = prepared.targets
    if trial.labels.kind == "permuted":
        targets = splits.permuted(targets, prepared.groups, trial.labels.number)
    return targets.astype(np.int64) if prepared.task.kind == "classification" else targets


def _noisy(trial: Trial, prepared: Prepared, fold: Fold, targets: np.ndarray) -> np.ndarray:
    """The targets with those of the training part flipped as far as the trial says so."""
    if trial.labels.kind != "flipped":
        return targets
    if prepared.task.kind != "classification":
        raise RefusalError("labels are flipped from class to class, and this task has none")
    place = (prepared.name, trial.partition, trial.fold)
    classes = len(prepared.task.classes)
    return splits.flipped(targets, prepared.groups, fold.train.tolist(), classes, trial.labels.share, *place)


def _limited(fold: Fold, prepared: Prepared, most: int) -> Fold:
    """At most `most` scans of each part, the strata in turn; 0: all of them."""
    if not most:
        return fold

    def some(rows: np.ndarray) -> np.ndarray:
        seen: dict[str, int] = {}
        turns = []
        for row in rows:
            stratum = prepared.strata[row]
            turns.append(seen.setdefault(stratum, 0))
            seen[stratum] += 1
        return np.sort(rows[np.argsort(turns, kind="stable")[:most]])

    return Fold(some(fold.train), some(fold.val), some(fold.test))
