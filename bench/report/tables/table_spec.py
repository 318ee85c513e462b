"""The declaration in each file of this folder: a table of a report with its numbers, its layout and its CSV file.

A file whose name ends in `_table.py` has one module-level `TABLE`; a plug-in file may have one as well. It is a
`TableSpec` (of each data set), an `AcrossTableSpec` (over several data sets) or a `StudyTableSpec` (of the study).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.tables.results import Results
from bench.report.tables.table import TableBody

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables
    from bench.storage.anonymise import ProtectedNames

LAST = 10_000  # the order of a table that gives none: after those of the package


@dataclass(frozen=True)
class TableSpec:
    """A table of each data set of a study.

    name: unique among tables; what `SectionTables.frame` calls its numbers. title: its heading. order: its place among
    the tables, lowest first; those of the package have 100, 200, ...

    frame: computes its numbers. tests: instead of `frame`, one row for each declared test on every data set (columns
    data, data_kind, arm, against, p, p_equivalence and those that a verdict reads): Holm's correction then spans all
    tables of such tests. layout: the formatted rows, with the caption; a table without rows is left out, and
    without a layout there are numbers only.

    csv: name of its CSV file without the ending; empty: none is written. about: its description on the page.
    csv_if_empty: write the file also where no data set has a row. anonymise: applied to the numbers before they are
    written; names of scans, people and folders are refused in every file.
    """

    name: str
    title: str
    order: int = LAST
    frame: Callable[[SectionTables], pd.DataFrame] | None = None
    tests: Callable[[Results], pd.DataFrame] | None = None
    layout: Callable[[SectionTables], TableBody] | None = None
    csv: str = ""
    about: str = ""
    csv_if_empty: bool = False
    anonymise: Callable[[SectionTables, pd.DataFrame, ProtectedNames], pd.DataFrame] | None = None


@dataclass(frozen=True)
class AcrossTableSpec:
    """A table over all data sets of one kind, real or phantom; the fields are those of `TableSpec`.

    frame, layout: given the tables of every data set of the kind.
    """

    name: str
    title: str
    order: int
    frame: Callable[[Sequence[SectionTables]], pd.DataFrame]
    layout: Callable[[Sequence[SectionTables]], TableBody]
    csv: str = ""
    about: str = ""


@dataclass(frozen=True)
class StudyTableSpec:
    """A table of the study as a whole."""

    name: str
    title: str
    order: int
    layout: Callable[[Results], TableBody]


AnyTableSpec = TableSpec | AcrossTableSpec | StudyTableSpec
