"""The definitions of the arms of a study: method, view, curriculum and every parameter, as resolved in records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.core import Record
from bench.core.outside_arm import is_outside
from bench.core.study_plan import PlannedCell
from bench.report.tables.number_format import NOTHING, TIMES, clean
from bench.report.tables.results import Results
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import StudyTableSpec


def arms_body(results: Results) -> TableBody:
    """A row for every arm; those without a finished run are known by the name of their method only."""
    rows, begun, views = {}, {}, {}
    for section in results.sections:
        for arm in section.arms:
            runs = section.of(arm)
            record = next((run.record for run in runs if run.done), None)
            if record or arm not in rows:
                rows[arm] = _row(arm, runs[0].cell, record)
            if record:
                views.setdefault(arm, {}).setdefault(_view(record.resolved), []).append(section.name)
            if record and (origin := record.resolved.get("network", {}).get("carried over", {}).get("said")):
                begun[arm] = clean(f"{arm} began with other weights: {origin}. Its records name every tensor.")
    columns = ("Arm", "Method", "View", "Curriculum", "Steps", "Parameters of the method")
    caption = "Every parameter that a run resolved, defaults included. Steps: of the optimiser; 0 where none is used."
    body = tuple((*row[:2], _views(views.get(arm, {})), *row[2:]) for arm, row in rows.items())
    return TableBody(columns, body, caption, tuple(begun.values()), (0, 1, 2, 3, 5))


def _views(views: Mapping[str, Sequence[str]]) -> str:
    """The view of an arm; with the names of the data sets if the views differ."""
    if len(views) < 2:
        return next(iter(views), NOTHING)
    return "; ".join(f"{', '.join(dict.fromkeys(names))}: {view}" for view, names in views.items())


def _row(arm: str, cell: PlannedCell, record: Record | None) -> tuple[str, ...]:
    if record is None:
        return arm, cell.method, NOTHING, NOTHING, NOTHING
    method, curriculum, resolved = record.trial.method, record.trial.curriculum, record.resolved
    params = {key: value for key, value in resolved.get("method", method.params).items() if key not in ("view", "kind")}
    if (drawn := resolved.get("augmentation", "none")) != "none":
        params["augment"] = f"{params.get('augment')} [{drawn}]"
    steps = NOTHING if is_outside(record.trial) else resolved.get("optimiser_steps", record.trial.recipe.steps)
    name, course = f"{method.name} (version {method.version})", f"{curriculum.name} {_settings(curriculum.params)}"
    return arm, name, course.strip(), str(steps), _settings(params)


def _view(resolved: Mapping[str, Any]) -> str:
    view = resolved.get("view", {})
    words = [view.get("kind", NOTHING), _settings({key: value for key, value in view.items() if key != "kind"})]
    seen = f" {TIMES} ".join(str(size) for size in resolved.get("shape", ()))
    return " ".join(word for word in (*words, f"({seen})" if seen else "") if word)


def _settings(params: Mapping[str, Any]) -> str:
    words = (f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in params.items())
    return clean(", ".join(words))


TABLE = StudyTableSpec("arms", "Arms", order=100, layout=arms_body)
