"""The covariates of the test scans of a data set, from the records alone, and the strata that they make.

Records of earlier versions hold no covariates. Those of the prepared set then stand in, if it is the set that the study
was run on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.core import BenchError
from bench.data.covariates import FEWEST, shared_categories, stored_covariates
from bench.data.prepare import open_prepared
from bench.evaluation.bootstrap import inflation
from bench.evaluation.covariate_strata import number_bands
from bench.evaluation.shared_training import repeated_sharing
from bench.evaluation.stratified_score import LabelledPart
from bench.report.tables.results import DatasetResults, Run


@dataclass(frozen=True)
class ScanCovariate:
    """A covariate of the test scans of a data set."""

    name: str
    values: Mapping[str, object]  # id of a scan -> number, text, or None
    groups: Mapping[str, str]  # id of a scan -> person
    strata: Mapping[str, int]  # id of a scan -> stratum; without those that belong to none
    titles: tuple[str, ...]  # of the strata

    @property
    def numeric(self) -> bool:
        """Whether it is a number."""
        return not any(isinstance(value, str) for value in self.values.values())


def scan_covariates(section: DatasetResults) -> list[ScanCovariate]:
    """The covariates that make at least two strata, in the declared order; empty if no record or set has any."""
    people: dict[str, str] = {}
    table: dict[str, dict[str, object]] = {}
    for run in (run for run in section.runs if run.done and run.cell.role == "arm"):
        kept = section.predictions(run)
        people |= dict(zip(_texts(kept.get("ids")), _texts(kept.get("groups")), strict=True))
        _read_into(table, kept)
    if not table and people:
        _read_into(table, _of_prepared(section))
    found = [_covariate(name, {i: values.get(i) for i in people}, people) for name, values in table.items()]
    return [each for each in found if len(each.titles) > 1]


def _texts(array: np.ndarray | None) -> list[str]:
    return [] if array is None else [str(value) for value in array]


def _read_into(table: dict[str, dict[str, object]], kept: Mapping[str, np.ndarray]) -> None:
    """Add the covariates of some scans to those that are known."""
    for column, name in enumerate(_texts(kept.get("covariate_names"))):
        known = table.setdefault(name, {})
        if any(identity not in known for identity in _texts(kept["ids"])):
            known |= dict(zip(_texts(kept["ids"]), map(json.loads, kept["covariates"][:, column]), strict=True))


def _of_prepared(section: DatasetResults) -> Mapping[str, np.ndarray]:
    """The covariates of the set that the scans come from; empty if it is not prepared here as it was for the study."""
    entry = section.data
    name, params, mark = entry.set_name, entry.params, entry.fingerprint
    if entry.external:
        name, params, mark = entry.external.data.name, entry.external.data.params, entry.external.data.fingerprint
    try:
        prepared = open_prepared(name, params)
    except BenchError:
        return {}
    if prepared is None or prepared.fingerprint != mark:
        return {}
    return {"ids": np.array(prepared.ids), **stored_covariates(prepared, np.arange(len(prepared.ids)))}


def _covariate(name: str, values: Mapping[str, object], people: Mapping[str, str]) -> ScanCovariate:
    ids = list(people)
    if any(isinstance(value, str) for value in values.values()):
        titles = shared_categories([values[i] for i in ids], [people[i] for i in ids])
        places = {title: number for number, title in enumerate(titles)}
        return ScanCovariate(
            name, values, people, {i: places[values[i]] for i in ids if values[i] in places}, tuple(titles)
        )
    numbers = np.array([np.nan if values[i] is None else float(values[i]) for i in ids])
    labels, ends = number_bands(numbers)
    counts = [len({people[i] for i, label in zip(ids, labels, strict=True) if label == at}) for at in range(len(ends))]
    titles = tuple(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ends)
    if min(counts, default=0) < FEWEST:
        return ScanCovariate(name, values, people, {}, ())
    strata = {i: int(label) for i, label in zip(ids, labels, strict=True) if label >= 0}
    return ScanCovariate(name, values, people, strata, titles)


def labelled_passes(section: DatasetResults, arm: str, strata: Mapping[str, int]) -> list[list[LabelledPart]]:
    """The test parts of an arm for each pass over the people, with the stratum of each scan, -1 without one."""
    passes: dict[tuple[int, ...], list[LabelledPart]] = {}
    for run in section.of(arm):
        part = _part(section, run, strata)
        if part is not None:
            passes.setdefault(section.one_pass(run), []).append(part)
    return list(passes.values())


def _part(section: DatasetResults, run: Run, strata: Mapping[str, int]) -> LabelledPart | None:
    kept = section.predictions(run)
    predicted = kept.get("scan_scores" if section.task.per_voxel else "selected")
    if predicted is None or not np.isfinite(predicted).all():
        return None
    labels = np.array([strata.get(str(identity), -1) for identity in kept["ids"]], dtype=int)
    return LabelledPart(kept.get("y", predicted), predicted, np.array(_texts(kept["groups"])), labels)


def variance_factor(section: DatasetResults) -> float:
    """The factor by which training scans that folds share increase the variance of a mean over people."""
    sharing = inflation(section.folds, section.correlation)
    return repeated_sharing(sharing, section.folds, section.partitions)
