"""Check that the prepared data of a study can be divided as it asks: every fold, and the external test sets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bench.core import BenchError
from bench.experiments.plan import ResolvedData
from bench.experiments.planned_study import PlannedStudy

MANY = 20  # groups of each class per fold, above which one fold is enough to check


def check_splits(study: PlannedStudy) -> None:
    """Raise BenchError if a fold of a prepared data set is impossible or lacks a class. Others are not checked."""
    from bench.data.prepare import open_prepared

    for item in study.data:
        prepared = open_prepared(item.spec.name, item.spec.params)
        if prepared is not None:
            _check_folds(prepared, item, study)
        if item.external is not None:
            tested = open_prepared(item.external.data.name, item.external.data.params)
            if tested is not None:
                check_external(item, tested)


def _check_folds(prepared: Any, item: ResolvedData, study: PlannedStudy) -> None:
    from bench.data import splits

    division = item.division(study.study.folds)
    rare = min(Counter(_labels(prepared)).values(), default=0)
    few = rare <= MANY * division.folds
    for partition in range(item.partitions(study.study.partitions) if few else 1):
        for number in range(division.folds if few else 1):
            splits.fold(prepared, division, partition, number)


def _labels(prepared: Any) -> list[float]:
    """The class of every group, once for each of its classes; empty if the task has no classes."""
    if prepared.task.kind != "classification":
        return []
    pairs = set(zip(prepared.groups, prepared.targets.tolist(), strict=True))
    return [label for _, label in pairs]


def check_external(item: ResolvedData, tested: Any) -> None:
    """Raise BenchError if all scans of an external test set have one class: no score could be computed."""
    if tested.task.kind != "classification":
        return
    present = sorted({int(target) for target in tested.targets.tolist()})
    known = set(item.external.labels.values()) or set(tested.task.classes)
    if len([label for label in present if tested.task.classes[label] in known]) < 2:
        names = ", ".join(tested.task.classes[label] for label in present)
        raise BenchError(
            f"{item.where}: all scans of {tested.name} have the class {names}, so no score can be computed on it;"
            " prepare scans of two classes or more"
        )
