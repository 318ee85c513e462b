"""A formatted table, and the cells that several tables share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.evaluation.metrics import Metric
from bench.report.tables.number_format import NOTHING, number
from bench.report.tables.results import DatasetResults

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class TableBody:
    """The columns and rows of a table, with the caption that states their basis.

    rows: each has one cell for every column. words: indices of the columns of words, which are set to the left.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    notes: tuple[str, ...] = ()
    words: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {_cells(row)}, and there are {len(self.columns)} columns: {row}")

    def titled(self, name: str, title: str) -> Table:
        """The table with a name and a heading."""
        return Table(name, title, self.columns, self.rows, self.caption, self.notes, self.words)


@dataclass(frozen=True)
class Table:
    """A table that is ready to render: see `TableBody`. name: of its label in LaTeX and of its file names."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    notes: tuple[str, ...] = ()
    words: tuple[int, ...] = (0,)


def _cells(row: tuple[str, ...]) -> str:
    return "1 cell" if len(row) == 1 else f"{len(row)} cells"


def arm_cell(entry: Entry) -> str:
    """An arm with its role in the study."""
    if entry["floor"]:
        return f"{entry['arm']} [floor]"
    return f"{entry['arm']} [reference]" if entry["reference"] else entry["arm"]


def score_cell(entry: Entry, digits: int) -> str:
    """A score, with a dagger where some of its runs are missing."""
    whole = entry["complete"] or math.isnan(entry["score"])
    return number(entry["score"], digits) + ("" if whole else "\u2020")


def runs_cell(entry: Entry) -> str:
    """Runs done / planned, and the numbers of those that failed or were refused."""
    states = ((entry.get(status, 0), status) for status in ("failed", "refused"))
    troubles = ", ".join(f"{count} {status}" for count, status in states if count)
    return f"{entry['done']}/{entry['planned']}" + (f" ({troubles})" if troubles else "")


def metric_column(section: DatasetResults, metric: Metric) -> str:
    """The heading of a column of scores: the metric with its unit and an arrow to the better side."""
    unit = section.unit(metric)
    arrow = "↑" if metric.better == "higher" else "↓"
    return f"{metric.title}{f' ({unit})' if unit else ''}\u00a0{arrow}"


def incomplete_notes(frame: pd.DataFrame) -> tuple[str, ...]:
    """Notes on the arms whose runs are missing. frame: as `scores_table` makes it."""
    partial = (~frame["complete"]) & frame["score"].notna()
    empty = (~frame["complete"]) & frame["score"].isna()
    notes = ["\u2020 incomplete: a mean over the runs that are there; it does not compare."] if partial.any() else []
    notes += [f"{NOTHING} no finished run: {', '.join(frame[empty]['arm'])}."] if empty.any() else []
    return tuple(notes)
