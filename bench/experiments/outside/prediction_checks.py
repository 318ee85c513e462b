"""Checks predictions from elsewhere against the folds of a data set: who is missing, twice, or of a training part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from bench.core import BenchError, plural
from bench.data.splits import Fold
from bench.experiments.outside.division import Division, Place
from bench.experiments.outside.label_maps import read_label_map
from bench.experiments.outside.predictions_file import OutsidePredictions
from bench.storage.anonymise import aliases

FOLDS, ELSEWHERE = "folds", "elsewhere"  # where an arm from outside was trained, as its user declares


def predictions_by_fold(division: Division, given: OutsidePredictions, trained: str) -> dict[Place, np.ndarray]:
    """The predictions of the test part of every fold.

    Parameters
    ----------
    division : Division
        A data set with its folds.
    given : OutsidePredictions
        What a method predicted.
    trained : {"folds", "elsewhere"}
        Whether it was trained on the training parts of these folds, or on something else.

    Returns
    -------
    dict of (int, int) to ndarray
        Partition and fold -> predictions in the order of the scans of its test part: (N, classes), (N,) or label maps.

    Raises
    ------
    BenchError
        If people are missing, twice, unknown or of a training part, the folds are others, or targets disagree.
    """
    rows = _rows(division, given)
    _check_targets(division, given, rows)
    if None in given.places:
        if trained == FOLDS:
            raise BenchError(
                f"{given.origin}: its predictions have no partition and fold, so it cannot have been trained on the"
                f" folds of `bench folds {division.where}`; add these columns, or give --trained {ELSEWHERE}"
            )
        return _without_folds(division, given, rows)
    found = {}
    for place, fold in division.places():
        if place not in given.places:
            raise BenchError(
                f"{given.origin}: {_name(place)} has no predictions, and {plural(division.partitions, 'partition')} of"
                f" {plural(division.split.folds, 'fold')} are scored; predict it, or change --folds and --partitions"
            )
        found[place] = _fold_values(division, given, rows, place, fold)
    if more := set(given.places) - set(found):
        raise BenchError(
            f"{given.origin}: predictions of {_name(min(more))}, and {plural(division.partitions, 'partition')} of"
            f" {plural(division.split.folds, 'fold')} are scored: wrong folds; give the same --folds and --partitions"
            " as to `bench folds`"
        )
    return found


def _rows(division: Division, given: OutsidePredictions) -> dict[str, int]:
    """Id, or alias where the predictions have these -> row of the data set. BenchError if an id is unknown."""
    prepared = division.prepared
    known = {name: row for row, name in enumerate(prepared.ids)}
    ids = {identity for scans in given.places.values() for identity in scans}
    if not ids & known.keys():
        named = {name: row for row, name in enumerate(aliases(prepared.name, prepared.ids))}
        known = named if ids & named.keys() else known
    if unknown := sorted(ids - known.keys()):
        where = given.example(_place_of(given, unknown[0]), unknown[0])
        raise BenchError(
            f"{given.origin}: {plural(len(unknown), 'id')} not in {prepared.name}, for example {where}; use"
            f" the ids of `bench folds {division.where}`"
        )
    return known


def _place_of(given: OutsidePredictions, identity: str) -> Place | None:
    """The first place with a prediction of this scan."""
    return next(place for place, scans in given.places.items() if identity in scans)


def _check_targets(division: Division, given: OutsidePredictions, rows: Mapping[str, int]) -> None:
    """Raise BenchError if the file gives another target for a scan than the data set has."""
    prepared = division.prepared
    for identity, texts in given.targets.items():
        target = prepared.targets[rows[identity]]
        names = {f"{target:g}"} | ({prepared.task.classes[int(target)]} if prepared.task.classes else set())
        for text in texts:
            if text not in names and not _equal(text, target):
                where = given.example(_place_of(given, identity), identity)
                raise BenchError(
                    f"{given.origin}: the target of {where} is {text[:40]!r}, and {prepared.name} has {min(names)}: the"
                    " ids are of other scans, or the classes are in another order"
                )


def _equal(text: str, target: float) -> bool:
    try:
        return bool(np.isclose(float(text), target))
    except ValueError:
        return False


def _without_folds(division: Division, given: OutsidePredictions, rows: Mapping[str, int]) -> dict[Place, np.ndarray]:
    """The same prediction of a scan wherever it is tested."""
    scans = given.places[None]
    _check_once(given, None, scans)
    _check_complete(division, given, "it", np.arange(len(division.prepared.ids)), {rows[name] for name in scans})
    by_row = {rows[name]: values[0] for name, values in scans.items()}
    return {place: _values(division, fold.test, by_row) for place, fold in division.places()}


def _fold_values(
    division: Division, given: OutsidePredictions, rows: Mapping[str, int], place: Place, fold: Fold
) -> np.ndarray:
    scans, where = given.places[place], _name(place)
    _check_once(given, place, scans)
    present, tested = {rows[name] for name in scans}, set(fold.test.tolist())
    if learnt := present - tested:
        example = given.example(place, next(name for name in scans if rows[name] == min(learnt)))
        if tested <= present:
            raise BenchError(
                f"{given.origin}: {where}: {plural(len(learnt), 'scan')} of people of its training or validation part,"
                f" for example {example}; only the test part is scored, so remove them"
            )
        raise BenchError(
            f"{given.origin}: {where}: {len(learnt)} of its {len(present)} scans are of its training or validation"
            f" part, for example {example}: wrong folds. Train on those of `bench folds {division.where}`"
        )
    _check_complete(division, given, where, fold.test, present)
    return _values(division, fold.test, {rows[name]: values[0] for name, values in scans.items()})


def _check_once(given: OutsidePredictions, place: Place | None, scans: Mapping[str, list[Any]]) -> None:
    if twice := [name for name, values in scans.items() if len(values) > 1]:
        where = _name(place) if place else "it"
        raise BenchError(
            f"{given.origin}: {where} has {plural(len(twice), 'scan')} twice, for example"
            f" {given.example(place, twice[0])}; give one prediction for each"
        )


def _check_complete(
    division: Division, given: OutsidePredictions, where: str, tested: np.ndarray, present: Collection[int]
) -> None:
    if missing := [row for row in tested.tolist() if row not in present]:
        raise BenchError(
            f"{given.origin}: {where} lacks {len(missing)} of {len(tested)} test scans, for example"
            f" {division.prepared.ids[missing[0]]!r}; a score without them would be of other people, so predict all"
        )


def _values(division: Division, tested: np.ndarray, by_row: Mapping[int, Any]) -> np.ndarray:
    if not division.prepared.task.per_voxel:
        return np.array([by_row[row] for row in tested.tolist()])
    return np.stack([read_label_map(by_row[row], division.prepared, row) for row in tested.tolist()])


def _name(place: Place) -> str:
    return f"fold {place[1]} of partition {place[0]}"
