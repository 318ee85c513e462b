"""People that a pretraining may not learn from: those of the validation and test parts of the trial that it begins.

People of different data sets are matched only where the sets declare that they have the same `cohort`, by the names of
groups and scans. Sets of unknown or unrelated cohorts are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from bench import registry
from bench.core import BenchError, DataSpec, HeldOut, RunAbortedError, Split, digest
from bench.data import splits
from bench.data.prepared import Prepared, open_prepared

if TYPE_CHECKING:
    import numpy as np

FOLDS = 10  # of a set that has none of the people left out: one is the test part of the pretraining


def same_people(pool: DataSpec, tested: DataSpec) -> bool:
    """Whether two data sets may have people in common, who then have the same names.

    Returns
    -------
    bool
        True if they are of one cohort; False if they are known to have no person in common.

    Raises
    ------
    BenchError
        If neither is declared.
    """
    one, other = (registry.make("datasets", each.name, each.params) for each in (pool, tested))
    if one.cohort == other.cohort and (one.cohort or pool.name == tested.name):
        return True
    if one.cohort and other.cohort:
        made = one.phantom or other.phantom  # a program makes its people
        if made or one.cohort in other.other_cohorts or other.cohort in one.other_cohorts:
            return False
    cohorts = " and ".join(f"{each.name}: {made.cohort or 'unknown'}" for each, made in ((pool, one), (tested, other)))
    raise BenchError(
        f"a network tested on {tested.name} cannot be pretrained on {pool.name}: whether they have people in common is"
        f" not declared (cohorts of {cohorts}); if one study scanned both, give both data sets its name as `cohort`;"
        " if they share nobody, name the other cohort in `other_cohorts`"
    )


def people_checksum(held: HeldOut) -> str:
    """The checksum of all names of the people that are left out; empty if their data are not prepared.

    BenchError if the data cannot be divided in this way.
    """
    prepared = [_current(spec) for spec in _sets(held)]
    return _checksum(replace(held, people="").text) if all(prepared) else ""


@lru_cache(1024)
def _checksum(text: str) -> str:
    held = HeldOut.parse(json.loads(text))
    return digest([[name, sorted(names)] for name, names in ((spec.name, _names(held, spec)) for spec in _sets(held))])


def held_out_rows(pool: Prepared, held: HeldOut) -> np.ndarray:
    """(N,) True for the scans of a data set whose person is left out.

    A scan is left out with all others of its group, and with those that look like scans of one person. RunAbortedError
    if the people that are left out are not those of the plan.
    """
    import numpy as np

    if people_checksum(held) != held.people:
        raise RunAbortedError(f"{held.data.name} was prepared again after the study was planned; run the command again")
    names: set[str] = set()
    for spec in _sets(held):
        names |= _names(held, spec) if same_people(pool.spec, spec) else set()
    rows = np.array([group in names or scan in names for group, scan in zip(pool.groups, pool.ids, strict=True)], bool)
    for column in (pool.groups, pool.clusters):
        whole = {name for name, out in zip(column, rows, strict=True) if out}
        rows |= np.array([name in whole for name in column], bool)
    return rows


def pretraining_fold(pool: Prepared, held: HeldOut) -> splits.Fold:
    """The fold of a pretraining: its test part has the people that are left out, if the data set has any of them.

    The others are divided into a training and a validation part. A data set without any of them is split by folds.
    BenchError if nobody else is there. RunAbortedError if somebody who is left out were in training or validation.
    """
    rows = held_out_rows(pool, held)
    if not rows.any():
        folds = max(2, min(FOLDS, *_people_of_classes(pool)))
        return splits.fold(pool, Split(folds=folds), held.partition, held.fold % folds)
    if rows.all():
        raise BenchError(
            f"all people of {pool.name} are in the validation or test part of {held.data.name} (partition"
            f" {held.partition}, fold {held.fold}): nobody is left to pretrain on; name a larger data set"
        )
    parts = tuple("test" if out else "train" for out in rows)
    fold = splits.fold(replace(pool, parts=parts), Split("publisher", 1), held.partition, 0)
    check_nobody_held_out(pool, fold, rows)
    return fold


def check_nobody_held_out(pool: Prepared, fold: splits.Fold, rows: np.ndarray) -> None:
    """RunAbortedError if a scan that is left out, or another of its person, is in training or validation.

    rows: (N,) True for the scans that are left out.
    """
    out = {name for column in (pool.groups, pool.ids) for name, each in zip(column, rows, strict=True) if each}
    seen = [row for row in (*fold.train, *fold.val) if pool.groups[row] in out or pool.ids[row] in out]
    if seen:
        raise RunAbortedError(
            f"the pretraining on {pool.name} would learn from {len(seen)} scans of people of a validation or test part"
        )


def _people_of_classes(pool: Prepared) -> Iterator[int]:
    """The number of groups, and of those of each class that there is."""
    yield len(set(pool.groups))
    if pool.task.kind == "classification":
        pairs = set(zip(pool.groups, pool.targets.tolist(), strict=True))
        labels = [label for _, label in pairs]
        yield from (labels.count(label) for label in sorted(set(labels)))


def _sets(held: HeldOut) -> Sequence[DataSpec]:
    return (held.data, *([held.external] if held.external else []))


def _names(held: HeldOut, spec: DataSpec) -> set[str]:
    """The names of the groups and scans of a data set that are left out; all of an external one."""
    prepared = _current(spec)
    if prepared is None:
        raise RunAbortedError(f"{spec.name} is no longer prepared as it was planned; run the same command again")
    if spec == held.external:
        return {*prepared.groups, *prepared.ids}
    fold = splits.fold(prepared, held.split, held.partition, held.fold)
    return {name for row in (*fold.val, *fold.test) for name in (prepared.groups[row], prepared.ids[row])}


def _current(spec: DataSpec) -> Prepared | None:
    """The prepared data set; None if it does not exist or has other scans."""
    prepared = open_prepared(spec.name, spec.params) if spec.fingerprint else None
    return prepared if prepared is not None and prepared.fingerprint == spec.fingerprint else None
