"""The table of effects as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.report.tables import captions, table
from bench.report.tables.number_format import MINUS, between, decimals, number, plural, probability, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import Table

_KINDS = {"single": "one factor at a time", "full": "every combination of levels", "fractional": "a fraction"}


def effects_as_table(section: DatasetResults, frame: pd.DataFrame) -> Table:
    """Main effects and declared interactions of this data set."""
    mixed = len(frame) and bool(frame["aliases"].any())
    columns = ("Factor", "Level", "Against", "Effect", "95 %", "p", "Holm p", "Detectable", "Folds", "Verdict")
    columns += ("Not told from",) if mixed else ()
    rows = tuple(_row(section, entry, mixed) for entry in frame.to_dict("records"))
    tests = int(frame["tests"].max()) if len(frame) else 0
    words = (0, 1, 2, *range(9, len(columns)))
    return Table("effects", "Effects of the factors", columns, rows, _caption(section, frame, tests), (), words)


def _row(section: DatasetResults, entry: Mapping[str, Any], mixed: bool) -> tuple[str, ...]:
    digits = decimals(section.metric)
    found = signed(entry["improvement"], digits), between(entry["low"], entry["high"], digits)
    tests = probability(entry["p"]), probability(entry["p_holm"]), number(entry["minimum_detectable"], digits)
    told = table.verdict(section, entry)
    if entry["effect"] == "interaction":
        told = interacting(told)
    folds = f"{entry['folds']}/{entry['folds_planned']}"
    more = (entry["aliases"] or "none",) if mixed else ()
    return (entry["factor"], entry["level"], entry["control"], *found, *tests, folds, told, *more)


def interacting(verdict: str) -> str:
    """A verdict of an interaction: it is no arm that could be better."""
    for word, told in (("better", "more together than apart"), ("worse", "less together than apart")):
        if verdict.startswith(word):
            return verdict.replace(word, told, 1)
    return verdict


def _caption(section: DatasetResults, frame: pd.DataFrame, tests: int) -> str:
    design = section.plan.get("design") or {}
    where = "phantoms" if section.phantom else "real data"
    words = [captions.data(section), _design(design), _meaning(section, design)]
    if len(frame) and (frame["effect"] == "interaction").any():
        words.append("An interaction: what two levels change together beyond what each of them changes alone.")
    words += [
        "Brackets: 95 % interval over folds and partitions, seeds averaged first, with the correction of Nadeau and "
        "Bengio, of folds in which every arm of the effect has a score; before Holm.",
        f"Holm: over the {plural(tests, 'declared test')} of the study on {where}, contrasts and effects together; "
        "one that is both counts once.",
        captions.selection(section),
        captions.design(section),
    ]
    return " ".join(word for word in words if word)


def _design(design: Mapping[str, Any]) -> str:
    if not design:
        return ""
    kind = _KINDS[design["kind"]]
    kind += f" of resolution {design['resolution']}" if design["resolution"] else ""
    also = " and every pair of levels of the declared interactions" if design["kind"] == "single" else ""
    also = also if design["interactions"] else ""
    return f"Design: {kind}{also}, {plural(len(design['combinations']), 'combination')}."


def _meaning(section: DatasetResults, design: Mapping[str, Any]) -> str:
    title, unit = section.metric.title, section.unit(section.metric)
    unit = f" ({unit})" if unit else ""
    sides = f"level {MINUS} control" if section.sign > 0 else f"control {MINUS} level, as lower is better"
    others = "at their controls" if design.get("kind") == "single" else "averaged over"
    return f"Effect: improvement in {title}{unit} = {sides}, the other factors {others}; positive is better."
