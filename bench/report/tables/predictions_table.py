"""Every prediction on a test part, for the CSV file only, where salted hashes replace the names of scans and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report.tables.results import DatasetResults, Run
from bench.report.tables.table_spec import TableSpec
from bench.storage.anonymise import aliases

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables
    from bench.storage.anonymise import ProtectedNames


def predictions(section: DatasetResults) -> pd.DataFrame:
    """A row for every scan that an arm or its A/A repeat was tested on, at the selected evaluation point.

    Columns: the place of the run, id, group, target, prediction (class index or number), and for classes the
    probability of each. The runs with permuted labels are left out: their targets are not the scans'.
    """
    parts = [_predicted(section, run) for run in section.runs if run.done and run.cell.role in ("arm", "again")]
    parts = [part for part in parts if part is not None]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _predicted(section: DatasetResults, run: Run) -> pd.DataFrame | None:
    kept = section.predictions(run)
    if "selected" not in kept:
        return None
    selected = kept["selected"]
    classes = selected.ndim == 2
    place = {name: getattr(run.cell, name) for name in ("data", "arm", "role", "partition", "fold", "seed")}
    columns = {"id": kept["ids"], "group": kept["groups"], "target": kept["y"]}
    columns["prediction"] = selected.argmax(axis=1) if classes else selected
    columns |= {f"probability_{k}": selected[:, k] for k in range(selected.shape[1])} if classes else {}
    return pd.DataFrame({**{name: [value] * len(selected) for name, value in place.items()}, **columns})


def anonymised(found: SectionTables, frame: pd.DataFrame, known: ProtectedNames) -> pd.DataFrame:
    """The rows with salted hashes in place of the names of scans and people."""
    if frame.empty:
        return frame
    return frame.assign(**{name: aliases(found.section.tested_on, frame[name]) for name in ("id", "group")})


TABLE = TableSpec(
    "predictions",
    "Predictions",
    order=1700,
    frame=lambda found: predictions(found.section),
    csv="predictions",
    about="every prediction on a test part, people under salted hashes",
    csv_if_empty=True,
    anonymise=anonymised,
)
