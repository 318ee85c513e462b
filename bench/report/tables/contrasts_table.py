"""The declared contrasts of a study on each data set, with Holm's correction over all declared tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report.tables import captions
from bench.report.tables.declared_tests import contrast_row, detectable_cell, verdict_cell
from bench.report.tables.metric_range import interval_cell
from bench.report.tables.number_format import NOTHING, between, decimals, number, probability, signed
from bench.report.tables.results import Results
from bench.report.tables.table import Entry, TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables


def contrasts(results: Results) -> pd.DataFrame:
    """A row for every declared contrast on every data set, not yet corrected for their number."""
    pairs = [tuple(pair) for pair in results.plan.contrasts]
    return pd.DataFrame(
        [
            contrast_row(section, arm, against)
            for section in results.sections
            for arm, against in pairs
            if arm in section.arms and against in section.arms  # arms for one kind of task are on no set of another
        ]
    )


def contrasts_body(found: SectionTables) -> TableBody:
    """The formatted table of the declared contrasts of a data set."""
    section, frame = found.section, found.contrasts
    digits = decimals(section.metric)
    equal = section.plan.margin is not None
    columns = ("Arm", "Against", "Improvement", "95 %", "p", "Holm p", "Detectable", "Better in", "Folds", "Verdict")
    columns = (*columns[:7], *(("Equivalence p",) if equal else ()), *columns[7:])
    rows = []
    for entry in frame.to_dict("records"):
        sizes = signed(entry["improvement"], digits), interval_cell(section, entry)
        tests = probability(entry["p"]), adjusted(entry), detectable_cell(section, entry)
        equivalence = entry["p_equivalence_holm" if entry["primary"] else "q_equivalence"]
        tests += (probability(equivalence),) if equal else ()
        folds = _share(entry), f"{entry['folds']}/{entry['folds_planned']}"
        rows.append((entry["arm"], entry["against"], *sizes, *tests, *folds, verdict_cell(section, entry)))
    words = (0, 1, len(columns) - 1)
    return TableBody(columns, tuple(rows), _caption(found), (), words)


def adjusted(entry: Entry) -> str:
    """The p value after the correction: Holm's, or the false discovery rate of an exploratory test."""
    return probability(entry["p_holm"]) if entry["primary"] else f"q {probability(entry['q'])}"


def _share(entry: Entry) -> str:
    """The share of folds in which an arm is better, with its interval."""
    low, high = entry["better_share_low"], entry["better_share_high"]
    return f"{number(entry['better_share'], 2)} {between(low, high, 2)}" if entry["folds"] else NOTHING


def _caption(found: SectionTables) -> str:
    section = found.section
    parts = [
        captions.data(section),
        f"{captions.improvement(section)}: positive where the arm is better.",
        f"{captions.deciding(section)} Brackets: 95 %, before the correction.",
        captions.correction(found.contrasts, section),
        "Better in: the share of folds in which the arm is better, ties counting half, with the interval of Wilson for"
        " as many folds as the correction leaves; it decides nothing.",
        captions.selection(section),
        captions.design(section),
    ]
    margin = section.plan.margin
    if margin is not None:
        words = (
            f"Equivalence: two one-sided tests on the same t, Holm, with the margin of {margin:g} declared beforehand."
        )
        parts.insert(4, words)
    return " ".join(parts)


TABLE = TableSpec(
    "contrasts",
    "Contrasts",
    order=200,
    tests=contrasts,
    layout=contrasts_body,
    csv="contrasts",
    about="the declared contrasts",
    csv_if_empty=True,
)
