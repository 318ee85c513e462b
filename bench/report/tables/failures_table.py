"""The runs of a data set that failed or were refused, with their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.core import arm_label
from bench.report.tables import captions
from bench.report.tables.number_format import clean
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec
from bench.storage.machine_names import hide_machine

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables
    from bench.storage.anonymise import ProtectedNames


def failures(section: DatasetResults) -> pd.DataFrame:
    """A row for every run that failed or was refused, with its reason."""
    columns = ("data", "data_kind", "arm", "role", "partition", "fold", "seed", "number", "status", "kind", "message")
    rows = []
    for run in section.runs:
        if run.status in ("failed", "refused"):
            place = {name: getattr(run.cell, name) for name in ("arm", "role", "partition", "fold", "seed", "number")}
            error = {name: run.record.error.get(name, "") for name in ("kind", "message")}
            start = {"data": section.name, "data_kind": section.kind}
            rows.append({**start, **place, "status": run.status, **error})
    return pd.DataFrame(rows, columns=columns)


def failures_body(found: SectionTables) -> TableBody:
    """The formatted table of failed and refused runs, grouped by arm and reason."""
    section = found.section
    rows: dict[tuple[str, ...], list[str]] = {}
    nodes = section.nodes
    for entry in found.failures.to_dict("records"):
        label = arm_label(entry["arm"], entry["role"])
        reason = clean(hide_machine(entry["message"].strip().partition("\n")[0], nodes), section.people)
        reason = reason if entry["kind"] == entry["status"] else f"{entry['kind']}: {reason}"
        rows.setdefault((label, entry["status"], reason), []).append(str(entry["fold"]))
    cells = tuple(
        (label, status, str(len(folds)), ", ".join(dict.fromkeys(folds)), reason)
        for (label, status, reason), folds in rows.items()
    )
    caption = f"{captions.data(section)} The records keep the tracebacks. Protocol {found.results.plan.protocol}."
    return TableBody(("Arm", "Status", "Runs", "Folds", "Reason"), cells, caption, (), (0, 1, 3, 4))


def anonymised(found: SectionTables, frame: pd.DataFrame, known: ProtectedNames) -> pd.DataFrame:
    """The rows with messages that name no scan, person, folder or machine."""
    nodes = found.section.nodes
    return frame.assign(message=[known.clean(hide_machine(text, nodes)) for text in frame["message"]])


TABLE = TableSpec(
    "failures",
    "Failures",
    order=1600,
    frame=lambda found: failures(found.section),
    layout=failures_body,
    csv="failures",
    about="what failed or was refused",
    csv_if_empty=True,
    anonymise=anonymised,
)
