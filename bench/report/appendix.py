"""Cards: descriptions of the data sets, methods and curricula of a study, with their sources and costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.registry import descriptions
from bench.report.protected_names import data_sets_of, pretraining_sets_of
from bench.report.tables import Results, SectionTables
from bench.report.tables.number_format import TIMES, large, listed, plural, seconds

Clean = Callable[[str], str]
TITLES = {"datasets": "Data", "methods": "Methods", "curricula": "Curricula"}


@dataclass(frozen=True)
class Card:
    """A member of a study as it describes itself. facts: name -> words; parameters: name, value or default, meaning."""

    kind: str
    name: str
    title: str
    about: tuple[str, ...]  # paragraphs
    facts: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str, str], ...] = ()


def cards(results: Results, found: Sequence[SectionTables], clean: Clean) -> tuple[Card, ...]:
    """Data sets first, then methods and curricula, from the plan or, without cards there, as installed."""
    entries = results.plan.cards or _installed(results)
    data = [_data(frames, name, entries["datasets"].get(name, {})) for frames, name in _datasets(found)]
    methods = [_method(results, found, name, entries["methods"].get(name, {})) for name in _methods(results)]
    courses = [
        _card("curricula", name, entries["curricula"][name], ()) for name in entries["curricula"] if name != "none"
    ]
    return tuple(_cleaned(card, clean) for card in (*data, *methods, *courses))


def _installed(results: Results) -> Mapping[str, Mapping[str, Any]]:
    names = [name for section in results.sections for name, _ in data_sets_of(section.data)]
    return descriptions(names, _methods(results), (record.trial.curriculum.name for record in results.records))


def _datasets(found: Sequence[SectionTables]) -> Iterable[tuple[SectionTables, str]]:
    """Every data set once, with its first section."""
    seen: dict[str, SectionTables] = {}
    for frames in found:
        for name, _ in (*data_sets_of(frames.section.data), *pretraining_sets_of(frames.section.data)):
            seen.setdefault(name, frames)
    return ((frames, name) for name, frames in seen.items())


def _methods(results: Results) -> list[str]:
    return list(dict.fromkeys(cell.method for cell in results.plan.cells))


def _data(found: SectionTables, name: str, entry: Mapping[str, Any]) -> Card:
    section, own = found.section, next(data_sets_of(found.section.data))[0] == name
    pretraining = name not in [each for each, _ in data_sets_of(section.data)]
    samples, groups = section.counted() if own else (None, None)
    task = section.task
    facts = [
        ("Kind", "phantom: made by a program" if section.phantom else "real scans"),
        (
            "Task",
            f"{task.kind}{f' of {listed(task.classes)}' if task.classes else ''}, judged by {section.metric.title}"
            if not pretraining
            else "networks are pretrained on it, without the people of the validation and test parts",
        ),
        ("Scans", f"{samples:,} of {plural(groups, 'person', 'people')}" if samples else ""),
        ("Prepared as", f" {TIMES} ".join(str(size) for size in section.data.shape) if own else ""),
        *((word.capitalize(), str(entry.get(word, ""))) for word in ("source", "licence", "citation")),
        ("Fingerprint", (section.data.fingerprint or "") if own else ""),
    ]
    title = entry.get("title") or section.data.title
    return _card("datasets", name, {**entry, "title": title}, facts)


def _method(results: Results, found: Sequence[SectionTables], name: str, entry: Mapping[str, Any]) -> Card:
    arms = list(dict.fromkeys(cell.arm for cell in results.plan.cells if cell.method == name))
    rows = [row for frames in found for row in frames.scores.to_dict("records") if row["method"] == name]
    versions = sorted({r.trial.method.version for r in results.records if r.trial.method.name == name})
    facts = [
        ("Family", next((cell.family for cell in results.plan.cells if cell.method == name), "")),
        ("Version", listed([str(version) for version in versions]) if versions else ""),
        ("Arms", listed(arms[:12]) + (f" and {len(arms) - 12} more" if len(arms) > 12 else "")),
        ("Parameters", _span([row["parameters"] for row in rows], large)),
        ("Forward pass", _span([row["forward_flops"] for row in rows], large, " FLOPs a scan")),
        ("Training", _span([row["train_seconds"] for row in rows], seconds, " s a run")),
    ]
    return _card("methods", name, entry, facts)


def _span(values: Iterable[float], show: Callable[[float], str], unit: str = "") -> str:
    """`8.06 M`, or `8.06 M to 11.2 M`; empty if nothing was measured."""
    known = sorted(value for value in values if value == value)
    if not known:
        return ""
    low, high = show(known[0]), show(known[-1])
    return (low if low == high else f"{low} to {high}") + unit


def _card(kind: str, name: str, entry: Mapping[str, Any], facts: Iterable[tuple[str, str]]) -> Card:
    about = tuple(" ".join(part.split()) for part in entry.get("about", "").split("\n\n") if part.strip())
    if not about:
        about = ("Neither the plan nor this installation describes it.",)
    rows = tuple(
        (row["name"], row["default"] if isinstance(row["default"], str) else json.dumps(row["default"]), row["meaning"])
        for row in entry.get("parameters", ())
    )
    return Card(kind, name, entry.get("title", ""), about, tuple((k, v) for k, v in facts if v), rows)


def _cleaned(card: Card, clean: Clean) -> Card:
    facts = tuple((name, clean(words)) for name, words in card.facts)
    rows = tuple(tuple(clean(word) for word in row) for row in card.parameters)
    return Card(card.kind, card.name, clean(card.title), tuple(clean(part) for part in card.about), facts, rows)
