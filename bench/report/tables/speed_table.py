"""Seconds of arms side by side, from the file that `bench cost --study` wrote: `<study>/timing.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.tables import captions
from bench.report.tables.number_format import NOTHING, seconds
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec
from bench.storage.atomic_io import read_errors

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

FILE = "timing.json"


def read(root: Path, study: str) -> dict[str, Any]:
    """The timings of a study; empty if there are none, or the file is incomplete."""
    path = Path(root) / study / FILE
    try:
        with read_errors(path):
            return dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def speed_body(found: SectionTables) -> TableBody:
    """The median over rounds of every arm with the shortest and the longest; without rows if there are no timings."""
    section = found.section
    speed = read(section.store.root, section.plan.study)
    timed = speed.get("data", {}).get(section.name, [])
    rows = tuple((row["arm"], *(between(row[name]) for name in ("step", "scan")), row["why"]) for row in timed)
    why = any(row[-1] for row in rows)
    columns = ("Arm", "s / step", "s / scan", *(("Not timed",) if why else ()))
    rows = rows if why else tuple(row[:-1] for row in rows)
    return TableBody(columns, rows, _caption(section, speed), (), (0, 3))


def between(values: list[float]) -> str:
    """Median, lowest and highest: 0.0213 [0.0210, 0.0240]; a dash where there is none."""
    if not values:
        return NOTHING
    return f"{seconds(float(np.median(values)))} [{seconds(min(values))}, {seconds(max(values))}]"


def _caption(section: DatasetResults, speed: dict[str, Any]) -> str:
    return (
        f"{captions.data(section)} Median of {speed.get('rounds', 0)} rounds, with the shortest and the longest: every "
        f"arm in turn in each round, on {speed.get('processor', '')}, {speed.get('threads', 1)} thread(s), so that "
        "what else ran there met all of them alike. A step holds forward, backward and update, "
        "and no reading of scans."
    )


TABLE = TableSpec("timing", "Seconds side by side", order=1300, layout=speed_body)
