"""The data of a run that a sink receives: place, parameters, curve and scores, without names of scans or people."""

from __future__ import annotations

import calendar
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.core import Record
from bench.report.tables import DatasetResults, Results, Run
from bench.report.tables.number_format import clean

CURVES = {"train_loss": "train/loss", "val_loss": "validation/loss", "val": "validation", "test": "audit/test"}


@dataclass(frozen=True)
class RunExport:
    """A finished run."""

    key: str
    name: str  # arm, partition, fold and seed
    data: str
    arm: str
    started: float  # seconds since 1970
    params: Mapping[str, str]
    curve: tuple[tuple[int, Mapping[str, float]], ...]  # (step, name -> value)
    scores: Mapping[str, float]  # of the selected point on the test part, and what the run cost


def collect_runs(results: Results) -> list[RunExport]:
    """Every finished run of an arm or of the A/A control, in the order of the plan."""
    return [
        _run_export(section, run)
        for section in results.sections
        for run in section.runs
        if run.done and run.cell.role in ("arm", "again")
    ]


def _run_export(section: DatasetResults, run: Run) -> RunExport:
    record, cell = run.record, run.cell
    partition, fold, seed = run.place
    name = f"{cell.arm}, partition {partition}, fold {fold}, seed {seed}"
    curve = tuple(_point(section, point) for point in record.curve)
    return RunExport(
        cell.key, name, section.name, cell.arm, _started(record), _params(section, run), curve, _scores(record)
    )


def _point(section: DatasetResults, point: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    """Scores of a curve carry the metric's name; those of the test part are under `audit`, as they select nothing."""
    metric = section.task.primary
    named = {
        f"{title}/{metric}" if name in ("val", "test") else title: point.get(name) for name, title in CURVES.items()
    }
    watched = {f"watched/{name}": value for name, value in (point.get("watched") or {}).items()}
    return int(point["step"]), _finite({**named, **watched})


def _scores(record: Record) -> dict[str, float]:
    scores = {f"test/{name}": value for name, value in record.metrics["selected"].items()}
    return _finite({**scores, **{f"cost/{name}": value for name, value in record.cost.items()}})


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of `values`; lists and other values are left out."""
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def _params(section: DatasetResults, run: Run) -> dict[str, str]:
    record = run.record
    place = dict(zip(("partition", "fold", "seed"), run.place, strict=True))
    resolved = {f"method.{name}": value for name, value in record.resolved.get("method", {}).items()}
    about = {
        "arm": run.cell.arm,
        "data": section.name,
        "data_kind": section.kind,
        "method": record.trial.method.name,
        "method_version": record.trial.method.version,
        "curriculum": record.trial.curriculum.name,
        "steps": record.trial.recipe.steps,
        "batch_size": record.trial.recipe.batch_size,
        **place,
        **resolved,
    }
    return {name: clean(str(value)) for name, value in about.items()}


def _started(record: Record) -> float:
    """When the run began; 0 if its record has no time."""
    try:
        return float(calendar.timegm(time.strptime(record.provenance["started"], "%Y-%m-%dT%H:%M:%SZ")))
    except (LookupError, ValueError):
        return 0.0
