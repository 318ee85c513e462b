"""The data sets that a study runs on: the prepared ones, or the phantoms that replace them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench import registry
from bench.core import (
    SPLITS,
    BenchError,
    Data,
    Dataset,
    DataSpec,
    External,
    Labels,
    Split,
    Study,
    UnpreparedDataError,
    canonical,
    paths,
    task_kind,
)
from bench.core.trial import where
from bench.data.audit.known_overlaps import overlap
from bench.data.prepare_command import prepare_command

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")  # a part of names of files
LEAKS = ("stop", "shown")  # what happens if a publisher's split divides groups


@dataclass(frozen=True)
class ResolvedData:
    """A data set that a study runs on, its split, and its external test set if it has one."""

    spec: DataSpec
    stand_in_for: str | None = None
    split: str = "kfold"
    external: External | None = None
    fraction: float = 1.0
    noise: float = 0.0
    leak: str = "stop"  # or "shown": a publisher's split may divide groups
    missing: float = 0.0
    label: str = ""  # name in tables instead of that of the data set; a stand-in has none

    @property
    def where(self) -> str:
        """The name in tables."""
        other = self.external.data.name if self.external else ""
        return where(self.label or self.spec.name, self.split, other, self.fraction, self.noise, self.missing)

    @property
    def labels(self) -> Labels:
        """The labels of the training part."""
        return Labels.incomplete(self.missing) if self.missing else Labels.noisy(self.noise)

    @property
    def tested(self) -> DataSpec:
        """The data set that networks are tested on: the external one, if there is one."""
        return self.external.data if self.external else self.spec

    @property
    def specs(self) -> list[DataSpec]:
        """The data set, and the external one."""
        return [self.spec, *([self.external.data] if self.external else [])]

    def division(self, folds: int) -> Split:
        """The split of a study with this number of folds: a publisher's split is one fold; each site is one fold."""
        if self.split == "kfold":
            return Split(folds=folds, fraction=self.fraction)
        return Split(self.split, _parts(self.spec) if self.split == "publisher" else _sites(self.spec), self.fraction)

    def partitions(self, asked: int) -> int:
        """The number of partitions: a publisher's split and a split by site are fixed and have one."""
        return asked if self.split == "kfold" else 1


def _sites(spec: DataSpec) -> int:
    """The number of sites. BenchError where there are fewer than two, or a scan has no site."""
    from bench.data.prepared import column_of

    sites = Counter(column_of("site", spec.name, spec.params))
    if len(sites) < 2:
        raise BenchError(
            f"{spec.name} has scans of fewer than two sites, so it cannot be split by site; split by kfold"
        )
    if sites[""]:
        remedy = "write the sites into its table and prepare it again, or split by kfold"
        raise BenchError(f"{sites['']} of the {sites.total()} scans of {spec.name} have no site; {remedy}")
    return len(sites)


def _parts(spec: DataSpec) -> int:
    """One, as a publisher's split is one fold. BenchError where the data set has no such split."""
    from bench.data.prepared import column_of

    if not {"train", "test"} <= set(column_of("part", spec.name, spec.params)):
        raise BenchError(f"{spec.name} has no training and test parts of its publisher; split by kfold")
    return 1


def locate(
    study: Study, fingerprint: Any, stand_ins: bool | None = None, phantoms: bool = False
) -> tuple[list[ResolvedData], list[str]]:
    """The data sets that a study runs on, and notes about those that are missing.

    fingerprint: (name, params) -> str, or None where the set is not prepared. stand_ins: replace missing sets by their
    phantom twins; None: do so where no data root is configured and none of the study's real sets is prepared. phantoms:
    use the twins even where the sets are prepared. A phantom that does not exist yet has an empty fingerprint: it can
    always be generated.
    """
    requested = [each for data in study.datasets for each in (data, _checked(data).external) if each is not None]
    prepared = {_mark(each): None if phantoms else fingerprint(each.name, each.params) for each in requested}
    real = [each for each in requested if not registry.member("datasets", each.name).phantom]
    if stand_ins is None:
        stand_ins = not paths.data_root_is_configured() and not any(prepared[_mark(each)] for each in real)
    lookup = _DataLookup(prepared, fingerprint, stand_ins or phantoms, phantoms, study.missing)
    resolved: list[ResolvedData] = []
    notes: list[str] = []
    for data in study.datasets:
        chosen, words = lookup.resolve(data)
        resolved += [chosen] if chosen and chosen not in resolved else []
        notes += [word for word in words if word not in notes]
    names = [item.where for item in resolved]
    if twice := {each for each in names if names.count(each) > 1}:
        raise BenchError(
            f"the study has the data set {min(twice)} twice, with different parameters; give each a name of its own:"
            f" Data({min(twice).partition('@')[0]!r}, ..., label='NAME')"
        )
    if not resolved:
        raise UnpreparedDataError("no data set of this study can be used: " + "; ".join(notes))
    return resolved, notes


def _checked(data: Data) -> Data:
    """The data, unchanged. BenchError where this split, or a share of its labels, is impossible, prepared or not."""
    if data.split not in SPLITS:
        raise BenchError(f"no split {data.split!r}; {registry.did_you_mean(data.split, SPLITS)}")
    if data.leak not in LEAKS:
        raise BenchError(f"{data.where}: leak must be 'stop' or 'shown', not {data.leak!r}")
    if data.label:
        _check_label(data)
    _check_shares(data)
    other, known = data.external, registry.names("datasets")
    if other is not None and other.label:
        raise BenchError(f"{data.where}: a data set to test on has no label; give the label to the outer Data")
    if other is not None and other.name not in known:
        raise BenchError(f"no split or data set {other.name!r}; {registry.did_you_mean(other.name, [*SPLITS, *known])}")
    return data


def _check_label(data: Data) -> None:
    """BenchError for a label that cannot be part of a file's name, or that is the name of a data set."""
    if not LABEL.fullmatch(data.label):
        raise BenchError(f"the label {data.label!r} of {data.name} may have letters, digits and ._- only; shorten it")
    if data.label in registry.names("datasets"):
        raise BenchError(f"the label {data.label!r} of {data.name} is the name of a data set; choose another label")


def _check_shares(data: Data) -> None:
    """BenchError where a share is out of range, or the task has no labels of the kind that it changes."""
    if not (0 < data.fraction <= 1 and 0 <= data.noise < 1):
        raise BenchError(f"{data.where}: fraction must be above 0 and at most 1, noise at least 0 and below 1")
    if not 0 <= data.missing < 1:
        raise BenchError(f"{data.where}: the share of missing components must be at least 0 and below 1")
    if not (data.noise or data.missing):
        return
    kind = registry.make("datasets", data.name, data.params).task.kind
    if data.noise and kind != "classification":
        raise BenchError(f"{data.where}: label noise swaps classes, and {data.name} is a {kind} task; remove the noise")
    if data.missing and kind != "segmentation":
        raise BenchError(
            f"{data.where}: components are left out of masks, and {data.name} is a {kind} task; remove the suffix"
        )


@dataclass(frozen=True)
class _DataLookup:
    """The prepared data sets, and the phantoms that may replace missing ones."""

    prepared: Mapping[str, str | None]
    fingerprint: Any
    stand_ins: bool
    phantoms: bool
    missing: str

    def resolve(self, data: Data) -> tuple[ResolvedData | None, list[str]]:
        if data.external is None:
            spec, note = self._located(data, False)
            stands = data.name if note else None
            label = "" if stands else data.label
            resolved = ResolvedData(spec, stands, data.split, None, *_shares(data), label) if spec else None
            return resolved, [note] if note else []
        both = [data, data.external]
        if len({registry.member("datasets", each.name).phantom for each in both}) > 1:
            raise BenchError(
                f"{data.where}: one of the data sets is a phantom; name two phantoms or two real data sets"
            )
        if shared := overlap(data.name, data.external.name):
            raise BenchError(f"{data.external.name} cannot be the external test of {data.name}: {shared}")
        twins = any(self._stands_in(each) for each in both)  # phantom and real never share a row
        (spec, note), (other, its_note) = (self._located(each, twins) for each in both)
        notes = [each for each in (note, its_note) if each]
        if spec is None or other is None:
            return None, notes
        if spec.name == other.name and twins:  # one phantom stands in for both: other people of it
            other = self._twin(other.name, {"seed": spec.params["seed"] + 1})
        external = External(other, _mapping(data, spec, other))
        stands = data.name if note else None
        label = "" if stands else data.label
        return ResolvedData(spec, stands, data.split, external, *_shares(data), label), notes

    def _stands_in(self, data: Data) -> bool:
        cls = registry.member("datasets", data.name)
        return not cls.phantom and not self.prepared[_mark(data)] and self.stand_ins and bool(cls.twin)

    def _located(self, data: Data, twin: bool) -> tuple[DataSpec | None, str | None]:
        cls, mark = registry.member("datasets", data.name), self.prepared[_mark(data)]
        if cls.phantom:
            return _data_spec(data.name, data.params, self.fingerprint(data.name, data.params) or ""), None
        if mark and not twin:
            return _data_spec(data.name, data.params, mark), None
        remedy = f"run: {prepare_command(data.name, data.params)}"
        if (twin or self.stand_ins) and cls.twin:
            why = (
                f"is replaced by its phantom {cls.twin}, as requested, which"
                if self.phantoms
                else (f"is not prepared: its phantom {cls.twin} stands in, and")
            )
            note = f"{data.name} {why} says nothing about real scans"
            return self._twin(cls.twin, {}), note
        if self.stand_ins or self.missing == "skip":
            return None, f"{data.name} is not prepared and left out; {remedy}"
        raise UnpreparedDataError(f"{data.name} is not prepared; {remedy} (or give --stand-ins for its phantom)")

    def _twin(self, name: str, params: Mapping[str, Any]) -> DataSpec:
        return _data_spec(name, params, self.fingerprint(name, params) or "")


def _shares(data: Data) -> tuple[float, float, str, float]:
    return data.fraction, data.noise, data.leak, data.missing


def _mark(data: Data) -> str:
    return canonical([data.name, data.params])


def _mapping(data: Data, spec: DataSpec, other: DataSpec) -> dict[str, str]:
    """Trained class -> tested class, empty where they are the same. BenchError where a class has no counterpart."""
    ours, theirs = (registry.make("datasets", each.name, each.params) for each in (spec, other))
    if ours.task.kind != theirs.task.kind:
        raise BenchError(
            f"{spec.name} is a {ours.task.kind} task and {other.name} a {theirs.task.kind} task:"
            " models of one cannot be tested on the other"
        )
    if task_kind(ours.task.kind).labels_judge:
        _check_grids(spec, other, ours, theirs)
        return {}
    if ours.task.kind == "regression" or tuple(ours.task.classes) == tuple(theirs.task.classes):
        return {}
    declared = registry.member("datasets", data.name).label_maps.get(data.external.name, {})  # twins have its classes
    labels = {each: each for each in ours.task.classes if each in theirs.task.classes} | dict(data.labels or declared)
    lost = [each for each in ours.task.classes if labels.get(each) not in theirs.task.classes]
    if lost:
        class_lists = f"{', '.join(ours.task.classes)} and {', '.join(theirs.task.classes)}"
        raise BenchError(
            f"{data.where}: the classes are {class_lists}, and the study does not say which class of"
            f" {data.external.name} is {lost[0]!r}; give labels, as in"
            f" Data({data.name!r}, external=Data({data.external.name!r}),"
            f" labels={{{lost[0]!r}: {theirs.task.classes[-1]!r}}})"
        )
    return {each: labels[each] for each in ours.task.classes}


def _check_grids(spec: DataSpec, other: DataSpec, ours: Dataset, theirs: Dataset) -> None:
    """BenchError where the voxels that answers are given in differ from those that were learnt."""
    if ours.shape == theirs.shape and ours.spacing == theirs.spacing:
        return
    grids = (
        f"{' x '.join(map(str, each.shape[1:]))} voxels of {' x '.join(f'{step:g}' for step in each.spacing)} mm"
        for each in (ours, theirs)
    )
    raise BenchError(
        f"{spec.name} has {next(grids)} and {other.name} {next(grids)}: what is learnt on one grid is tested on the"
        " same one; give both data sets parameters of one grid"
    )


def _data_spec(name: str, params: Mapping[str, Any], mark: str) -> DataSpec:
    return replace(registry.spec("datasets", name, params), fingerprint=mark)
