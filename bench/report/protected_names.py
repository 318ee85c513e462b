"""Whose names a report may not show: those in kept predictions, and all that the index of prepared data holds."""

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

_PLAIN = ("key", "upstream", "fingerprint")  # of a plan: digests, which nobody is called by


def secrets(results: Results) -> ProtectedNames:
    """The names of everybody in the data of a study, as far as predictions were kept and the data are prepared here."""
    names: set[str] = set()
    words: set[str] = set()
    for section in results.sections:
        names |= section.people
        words |= {section.name, *section.task.classes}
        for name, params in sets(section.data):
            index, manifest = _prepared(name, params)
            names |= _texts(index, manifest)
            words |= {name, *index.get("strata", ()), *index.get("parts", ())}
    return ProtectedNames(frozenset(names), frozenset(words))


def sets(entry: DataEntry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, parameters) of the data that an entry of a plan is about: the learnt from, and the tested on."""
    yield entry.set_name, entry.params
    if other := entry.external:
        yield other.data.name, other.data.params


def _prepared(name: str, params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Index and manifest of prepared data; empty where they are not here, or are damaged."""
    from bench.data.prepare import open_prepared

    try:
        found = open_prepared(name, params)
    except BenchError:
        return {}, {}
    if found is None:
        return {}, {}
    columns = ("ids", "groups", "strata", "sites", "parts", "covariates")
    return {column: getattr(found, column) for column in columns}, found.manifest


def _texts(index: Mapping[str, Any], manifest: Mapping[str, Any]) -> set[str]:
    """Every name and every text in the tables of a set, of what was left out too, and the folder that it came from."""
    columns = [index.get(name, ()) for name in ("ids", "groups", "sites")] + list(index.get("covariates", {}).values())
    found = {str(value) for column in columns for value in column if isinstance(value, str) and value}
    for entry in manifest.get("broken", ()):
        found |= {entry["id"], *(Path(file).name for file in entry["files"])}
    return found | {entry["id"] for entry in manifest.get("fitted", ())} | {str(manifest.get("source") or "")} - {""}


def scrubbed(results: Results, known: ProtectedNames) -> Results:
    """The same results, no text of whose plan names anybody or a folder.

    BenchError where two arms differ in nothing else.
    """
    clean = cache(known.clean)
    entry = results.plan.to_json()
    cleaned = _cleaned(entry, clean)
    if cleaned == entry:
        return results
    labels = {cell.arm for cell in results.plan.cells}
    if len({clean(label) for label in labels}) < len(labels):
        raise BenchError("two arms differ in nothing but a name or a folder, which no report shows: rename them")
    return tables.gather(StudyPlan.from_json(cleaned), results.sections[0].store)


def _cleaned(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(name): item if name in _PLAIN else _cleaned(item, clean) for name, item in value.items()}
    return [_cleaned(item, clean) for item in value] if isinstance(value, list | tuple) else value
