"""A prepared data set with the folds that the protocol uses for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.core import BenchError, Data, Split
from bench.core.study_plan import DataEntry, StudyPlan
from bench.data import splits
from bench.data.prepare import Prepared, open_prepared
from bench.data.prepare_command import prepare_command
from bench.data.splits import Fold
from bench.experiments.plan.resolve_data import ResolvedData

Place = tuple[int, int]  # partition and fold, from 0


@dataclass(frozen=True)
class Division:
    """A data set and its folds.

    Attributes
    ----------
    prepared : Prepared
        The data set.
    split : Split
        Kind and number of folds.
    partitions : int
        Number of divisions into folds.
    where : str
        Label of data and split, as in tables.
    """

    prepared: Prepared
    split: Split
    partitions: int
    where: str

    def places(self) -> Iterator[tuple[Place, Fold]]:
        """Partition and fold, with the scans of its parts."""
        for partition in range(self.partitions):
            for number in range(self.split.folds):
                yield (partition, number), splits.fold(self.prepared, self.split, partition, number)


def divide(label: str, params: Mapping[str, Any], folds: int, partitions: int) -> Division:
    """Open a data set and divide it as a study does.

    Parameters
    ----------
    label : str
        `x`, `x@site`, `x@publisher` or `x@25`, as in `Data.where`.
    params : mapping
        Parameters of the data set that differ from its defaults.
    folds, partitions : int
        Numbers of folds and of partitions; sites and a publisher's split have their own.

    Returns
    -------
    Division
        The data set with its folds.

    Raises
    ------
    BenchError
        If the data set is not prepared, is tested on another one, or cannot be divided this way.
    """
    data = Data.parse(label)
    if data.external is not None:
        raise BenchError(
            f"{label}: folds are of one data set; give {data.name}, {data.name}@site or {data.name}@publisher"
        )
    prepared = open_prepared(data.name, params)
    if prepared is None:
        raise BenchError(f"{data.name} is not prepared; run: {prepare_command(data.name, params)}")
    found = ResolvedData(prepared.spec, None, data.split, None, data.fraction, data.noise, missing=data.missing)
    return Division(prepared, found.division(folds), found.partitions(partitions), found.where)


def divide_as_planned(base: StudyPlan, name: str) -> Division:
    """Open a data set of a study and divide it as the study did.

    Parameters
    ----------
    base : StudyPlan
        The study that was run.
    name : str
        The data in its tables; the name of the data set will do if it stands there once.

    Returns
    -------
    Division
        The data set with its folds.

    Raises
    ------
    BenchError
        If the study has no such data, or they are tested on other data, or have been prepared again since it was run.
    """
    entry = _entry(base, name)
    if entry.external is not None:
        raise BenchError(f"{entry.name}: its arms are tested on another data set, which predictions of folds cannot be")
    prepared = open_prepared(entry.set_name, entry.params)
    if prepared is None or prepared.fingerprint != entry.fingerprint:
        how = "is no longer prepared" if prepared is None else "was prepared again"
        raise BenchError(f"{entry.name} {how} after the study {base.study} was run; run the study again first")
    parts = {"fraction": entry.fraction, "noise": entry.noise, "missing": entry.missing, "label": entry.label}
    found = ResolvedData(prepared.spec, None, entry.split, **parts)
    folds, partitions = entry.folds or base.folds, entry.partitions or base.partitions
    return Division(prepared, found.division(folds), found.partitions(partitions), entry.name)


def _entry(base: StudyPlan, name: str) -> DataEntry:
    """The data of a study that have this name in its tables, or else those of the data set of this name."""
    exact = [entry for entry in base.data if entry.name == name]
    found = exact or [entry for entry in base.data if entry.set_name == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(entry.name for entry in found or base.data)
    which = "has no data" if not found else "has several data of"
    raise BenchError(f"the study {base.study} {which} {name}; give one of: {names}")
