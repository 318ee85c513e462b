"""Training curves: losses, scores, and the logged metrics of a method, at every evaluation point."""

from __future__ import annotations

import pandas as pd

from bench.report.tables.results import DatasetResults
from bench.report.tables.table_spec import TableSpec

PLACE = ["data", "arm", "role", "partition", "fold", "seed"]
COLUMNS = [*PLACE, "step", "train_loss", "val_loss", "val", "test"]


def curves(section: DatasetResults) -> pd.DataFrame:
    """A row for each evaluation point of every finished run; logged metrics of methods have their own columns.

    test: for the audit of the selection; never used to choose anything.
    """
    rows = []
    for run in section.runs:
        if not run.done:
            continue
        cell = run.cell
        place = {name: section.name if name == "data" else getattr(cell, name) for name in PLACE}
        for point in run.record.curve:
            known = {name: value for name, value in point.items() if name != "watched"}
            rows.append({**place, **known, **point.get("watched", {})})
    frame = pd.DataFrame(rows)
    return frame.reindex(columns=COLUMNS + sorted(set(frame.columns) - set(COLUMNS)))


TABLE = TableSpec(
    "curves",
    "Curves",
    order=1800,
    frame=lambda found: curves(found.section),
    csv="curves",
    about="every evaluation point of every run",
    csv_if_empty=True,
)
