"""The bias of a publisher's split: the score on its test part, with and without groups that are in training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.tables import captions
from bench.report.tables.number_format import decimals, number
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody, metric_column
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables


def publisher(section: DatasetResults) -> pd.DataFrame:
    """A row for each arm that was tested on a publisher's test part which shares groups with its training part.

    score: the primary metric on all test scans; unshared: on those whose group was not learnt from, NaN where there
    are none; test, shared: numbers of scans. Empty where nothing is shared.
    """
    rows = [row for row in (_row(section, arm) for arm in section.arms) if row]
    return pd.DataFrame(rows, columns=["arm", "runs", "test", "shared", "score", "unshared"])


def _row(section: DatasetResults, arm: str) -> dict[str, Any]:
    done = [run for run in section.of(arm) if run.done and run.record.sizes.get("test_shared")]
    if not done:
        return {}
    name, sizes = section.task.primary, done[0].record.sizes
    unshared = [run.record.metrics.get("unshared", {}).get(name, math.nan) for run in done]
    return {
        "arm": arm,
        "runs": len(done),
        "test": sizes["test"],
        "shared": sizes["test_shared"],
        "score": float(np.mean([run.score(name) for run in done])),
        "unshared": float(np.mean(unshared)),
    }


def publisher_body(found: SectionTables) -> TableBody:
    """The formatted table of the scores."""
    section, frame = found.section, found.frame("publisher")
    digits = decimals(section.metric)
    score = metric_column(section, section.metric)
    columns = ("Arm", "Runs", score, "Without groups learnt from", "Test scans", "Of them shared")
    rows = tuple(
        (
            *(entry["arm"], str(entry["runs"]), number(entry["score"], digits), number(entry["unshared"], digits)),
            *(str(entry["test"]), str(entry["shared"])),
        )
        for entry in frame.to_dict("records")
    )
    return TableBody(columns, rows, _caption(section, frame))


def _caption(section: DatasetResults, frame: pd.DataFrame) -> str:
    if frame.empty:
        return captions.data(section)
    test, shared = frame.iloc[0]["test"], frame.iloc[0]["shared"]
    left = "none is left to judge by" if shared == test else f"{test - shared} are left"
    return (
        f"{captions.data(section)} {shared} of {test} test scans belong to a group (a person, copies of"
        f" one image, slices of one head) that lies in the training part as well; without them {left}. The first"
        " score is what is usually published; neither is one on new people unless groups are whole."
    )


TABLE = TableSpec(
    "publisher",
    "The publisher's split",
    order=600,
    frame=lambda found: publisher(found.section),
    layout=publisher_body,
)
