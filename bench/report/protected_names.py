"""The names that a report may not show: those in saved predictions, and all in the index of prepared data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bench.core import BenchError
from bench.core.study_plan import DataEntry, StudyPlan
from bench.report import tables
from bench.report.tables import Results
from bench.storage.anonymise import ProtectedNames

_DIGESTS = ("key", "upstream", "fingerprint")  # fields of a plan that hold digests and never a name


def find_protected_names(results: Results) -> ProtectedNames:
    """The names of all people and scans in the data of a study, from its predictions and from prepared data here."""
    names: set[str] = set()
    words: set[str] = set()
    for section in results.sections:
        names |= section.people
        words |= {section.name, *section.task.classes}
        for name, params in (*data_sets_of(section.data), *pretraining_sets_of(section.data)):
            index, manifest = _prepared(name, params)
            names |= _texts(index, manifest)
            words |= {name, *index.get("strata", ()), *index.get("parts", ()), *index.get("public", ())}
    return ProtectedNames(frozenset(names), frozenset(words))


def data_sets_of(entry: DataEntry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, parameters) of the data sets of a plan's entry: the one trained on, then the external one, if any."""
    yield entry.set_name, entry.params
    if other := entry.external:
        yield other.data.name, other.data.params


def pretraining_sets_of(entry: DataEntry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, parameters) of the data sets that networks of a plan's entry are pretrained on."""
    for spec in entry.pretraining:
        yield spec.name, spec.params


def _prepared(name: str, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Index and manifest of prepared data; both empty if the data are not prepared here, or damaged."""
    from bench.data.covariates import public_categories
    from bench.data.prepare import open_prepared

    try:
        prepared = open_prepared(name, params)
    except BenchError:
        return {}, {}
    if prepared is None:
        return {}, {}
    columns = ("ids", "groups", "strata", "sites", "parts", "covariates")
    index = {column: getattr(prepared, column) for column in columns}
    return {**index, "public": public_categories(prepared)}, prepared.manifest


def _texts(index: Mapping[str, Any], manifest: Mapping[str, Any]) -> set[str]:
    """Every name and text in the index of a data set, including scans that were left out, and its source folder."""
    columns = [index.get(name, ()) for name in ("ids", "groups", "sites")] + list(index.get("covariates", {}).values())
    texts = {str(value) for column in columns for value in column if isinstance(value, str) and value}
    for entry in manifest.get("broken", ()):
        texts |= {entry["id"], *(Path(file).name for file in entry["files"])}
    return texts | {entry["id"] for entry in manifest.get("fitted", ())} | {str(manifest.get("source") or "")} - {""}


def anonymise(results: Results, protected: ProtectedNames) -> Results:
    """The results with all protected names and folders removed from the texts of the plan.

    BenchError if two arms differ only in such a name.
    """
    clean = cache(protected.clean)
    entry = results.plan.to_json()
    cleaned = _cleaned(entry, clean)
    if cleaned == entry:
        return results
    labels = {cell.arm for cell in results.plan.cells}
    if len({clean(label) for label in labels}) < len(labels):
        raise BenchError("two arms differ only in a name or a folder, which no report shows; rename one of them")
    return tables.gather(StudyPlan.from_json(cleaned), results.sections[0].store)


def _cleaned(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(name): item if name in _DIGESTS else _cleaned(item, clean) for name, item in value.items()}
    return [_cleaned(item, clean) for item in value] if isinstance(value, list | tuple) else value
