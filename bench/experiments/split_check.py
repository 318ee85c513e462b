"""Check that the prepared data of a study can be divided as it asks: every fold, and the external test sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, Study, plural
from bench.experiments.plan import ResolvedData
from bench.experiments.planned_study import PlannedStudy

if TYPE_CHECKING:
    from bench.data.prepare import Prepared

MANY = 20  # groups of each class per fold, above which one fold is enough to check


class DividedGroupsError(BenchError):
    """A split divides groups: people or copies of images are in the training and in the test part."""


def check_splits(study: PlannedStudy) -> None:
    """Raise BenchError if a fold of a prepared data set is impossible, lacks a class, or divides groups.

    Only a publisher's split may divide groups, and only if the study shows that leak. The pretrainings must leave out
    the people of their folds and have others. Data sets that are not prepared are not checked.
    """
    from bench.data.held_out_people import pretraining_fold
    from bench.data.prepare import open_prepared

    for item in study.data:
        prepared = open_prepared(item.spec.name, item.spec.params)
        if prepared is not None:
            check_division(prepared, item, study.study)
        if item.external is not None:
            tested = open_prepared(item.external.data.name, item.external.data.params)
            if tested is not None:
                check_external(item, tested)
    for trial in study.trials.values():
        pool = open_prepared(trial.data.name, trial.data.params) if trial.held_out else None
        if pool is not None and trial.held_out.people:
            pretraining_fold(pool, trial.held_out)


def check_division(prepared: Prepared, item: ResolvedData, study: Study) -> None:
    """Raise BenchError if a fold of prepared data is impossible or lacks a class; DividedGroupsError if it leaks."""
    _check_folds(prepared, item, study)
    if item.leak == "stop" and (divided := divided_groups(prepared, item)):
        raise DividedGroupsError(_divided_message(prepared, item, divided))


def _check_folds(prepared: Prepared, item: ResolvedData, study: Study) -> None:
    from bench.data import splits

    division = item.division(study.folds)
    rare = min(Counter(_labels(prepared)).values(), default=0)
    few = rare <= MANY * division.folds
    for partition in range(item.partitions(study.partitions) if few else 1):
        for number in range(division.folds if few else 1):
            splits.fold(prepared, division, partition, number)


@dataclass(frozen=True)
class DividedGroups:
    """Groups in both parts of a publisher's split."""

    groups: int
    shared: int  # test scans whose group is in training
    tested: int  # test scans
    example: tuple[str, str, str]  # a group, its first scan in training, its first test scan


def divided_groups(prepared: Prepared, item: ResolvedData) -> DividedGroups | None:
    """The groups that a publisher's split divides; None for other splits and if it divides none."""
    if item.split != "publisher":
        return None
    scans = list(zip(prepared.groups, prepared.parts, prepared.ids, strict=True))
    trained = {group: name for group, part, name in reversed(scans) if part == "train"}
    tested = [(group, name) for group, part, name in scans if part == "test"]
    shared = [(group, trained[group], name) for group, name in tested if group in trained]
    return DividedGroups(len({group for group, *_ in shared}), len(shared), len(tested), shared[0]) if shared else None


def leak_notes(data: Sequence[ResolvedData]) -> list[str]:
    """A sentence for every data set of a study whose publisher's split divides groups, which the study shows."""
    from bench.data.prepare import open_prepared

    notes = []
    for item in data:
        prepared = open_prepared(item.spec.name, item.spec.params)
        if prepared is not None and (divided := divided_groups(prepared, item)):
            groups, tested = plural(divided.groups, "group"), plural(divided.tested, "test scan")
            notes.append(
                f"{item.where}: the publisher's split divides {groups}, and the study measures that leak:"
                f" {divided.shared} of {tested} are of people or images in the training part, so scores on them are not"
                " scores on new people"
            )
    return notes


def _divided_message(prepared: Prepared, item: ResolvedData, divided: DividedGroups) -> str:
    group, trained, tested = divided.example
    groups, scans = plural(divided.groups, "group"), plural(divided.tested, "test scan")
    return (
        f"the publisher's split of {prepared.name} divides {groups} (a person, copies of an image, slices of one head):"
        f" {divided.shared} of {scans} have their group in the training part, for example {tested}, whose group {group}"
        f" has {trained} there. Split by kfold; or, if the study measures this leak, declare it:"
        f" Data({prepared.name!r}, split='publisher', leak='shown')"
    )


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
