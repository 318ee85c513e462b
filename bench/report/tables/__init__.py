"""From a plan and the stored records to tables: frames of numbers, and formatted tables that state their basis.

Reads disk only. Phantom and real data sets never share a table: each data set is a section of its own. A table is one
file, `*_table.py` here or a plug-in file, with a module-level `TABLE` (see `bench.report.tables.table_spec`).
"""

from __future__ import annotations

from bench.report.tables import captions
from bench.report.tables.dataset_tables import (
    SectionTables,
    format_across,
    format_study,
    format_tables,
    section_tables,
)
from bench.report.tables.render import latex, markdown, prose
from bench.report.tables.results import DatasetResults, Results, Run, gather, read
from bench.report.tables.table import Table, TableBody
from bench.report.tables.table_spec import AcrossTableSpec, StudyTableSpec, TableSpec

__all__ = [
    "AcrossTableSpec",
    "DatasetResults",
    "Results",
    "Run",
    "SectionTables",
    "StudyTableSpec",
    "Table",
    "TableBody",
    "TableSpec",
    "captions",
    "format_across",
    "format_study",
    "format_tables",
    "gather",
    "latex",
    "markdown",
    "prose",
    "read",
    "section_tables",
]
