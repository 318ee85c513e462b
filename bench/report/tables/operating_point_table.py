"""Sensitivity and specificity at a threshold chosen on the validation part, never on the test part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.report.tables import captions
from bench.report.tables.number_format import between, number
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

NAMES = ("threshold", "sensitivity", "specificity")
COLUMNS = ("arm", "runs", *NAMES, "threshold_low", "threshold_high", "sensitivity_half", "specificity_half")


def operating(section: DatasetResults) -> pd.DataFrame:
    """A row for every arm of a task of two classes: means over the runs that have chosen a threshold, and its range.

    sensitivity_half, specificity_half: of the same runs at a probability of 0.5.
    """
    rows = []
    for arm in section.arms if section.task.kind == "classification" else ():
        runs = [run for run in section.of(arm) if run.done and _number(run.record.metrics, "threshold") is not None]
        if runs:
            found = {name: [_number(run.record.metrics, name) for run in runs] for name in NAMES}
            half = {f"{name}_half": _mean([run.score(name) for run in runs]) for name in NAMES[1:]}
            ends = {"threshold_low": min(found["threshold"]), "threshold_high": max(found["threshold"])}
            rows.append({"arm": arm, "runs": len(runs), **{n: _mean(v) for n, v in found.items()}, **ends, **half})
    return pd.DataFrame(rows, columns=COLUMNS)


def _number(metrics: dict, name: str) -> float | None:
    """The operating point of a record; None if it has none: older records, and validation parts of one class."""
    value = (metrics.get("operating") or {}).get(name)
    return value if value is None or math.isfinite(value) else None


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def operating_body(found: SectionTables) -> TableBody:
    """The formatted table of sensitivity and specificity."""
    section = found.section
    columns = (
        "Arm",
        "Runs",
        "Threshold",
        "Range",
        "Sensitivity",
        "Specificity",
        "Sensitivity at 0.5",
        "Specificity at 0.5",
    )
    rows = tuple(
        (
            entry["arm"],
            str(entry["runs"]),
            number(entry["threshold"], 3),
            between(entry["threshold_low"], entry["threshold_high"], 3),
            *(number(entry[name], 3) for name in (*NAMES[1:], "sensitivity_half", "specificity_half")),
        )
        for entry in found.frame("operating").to_dict("records")
    )
    ill = section.task.classes[-1] if section.task.classes else ""
    caption = (
        f"{captions.data(section)} A scan is called {ill} from the threshold on, which has the"
        " largest sensitivity + specificity (Youden) on the validation part of each run: the test part has no say in"
        f" it. Means over runs, and the range of the thresholds. {captions.selection(section)}"
        f" {captions.design(section)}"
    )
    return TableBody(columns, rows, caption)


TABLE = TableSpec(
    "operating",
    "Operating point",
    order=800,
    frame=lambda found: operating(found.section),
    layout=operating_body,
)
