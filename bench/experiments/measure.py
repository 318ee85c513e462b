"""Runs short trials of what no record tells of, so that a plan can estimate what it will take."""

from __future__ import annotations

from dataclasses import replace

from bench.core import Recipe, plural
from bench.experiments import plan
from bench.experiments.plan import Cell
from bench.experiments.plan.estimate import MEASURED, cost_kind
from bench.experiments.planned_study import PlannedStudy, plan_cells
from bench.experiments.run_monitor import RunMonitor, SilentMonitor
from bench.experiments.study_data import make_phantoms
from bench.storage.record_store import Store

STEPS, POINTS = 8, 2  # of a short trial; the first step of a process is slower than the others


def measure(study: PlannedStudy, monitor: RunMonitor | None = None) -> PlannedStudy:
    """The same plan, after a short trial of every kind that has no record yet.

    Missing phantoms are made. The short trials are stored apart from the results, and no table reads them.
    """
    monitor = monitor or SilentMonitor()
    study = make_phantoms(study, monitor)
    unknown = {cost_kind(trial) for trial in study.open_trials} - set(study.estimate.needs)
    if not unknown:
        return study
    recipe = study.study.recipe
    short = replace(recipe, steps=min(STEPS, recipe.steps), points=min(POINTS, recipe.points))
    _run(_first_of_each(_short(study, short), unknown), Store(study.store.root / MEASURED), monitor)
    return plan_cells(study.name, study.study, study.data, study.notes, root=study.store.root)


def _short(planned: PlannedStudy, recipe: Recipe) -> list[Cell]:
    study = replace(planned.study, recipe=recipe, partitions=1, seeds=1, again=None, random_labels=None)
    return plan.cells(study, planned.data)


def _first_of_each(cells: list[Cell], kinds: set) -> list[Cell]:
    """A cell of each kind of trial, with what it learns from."""
    first: dict[tuple, Cell] = {}
    for cell in cells:
        first.setdefault(cost_kind(cell.trial), cell)
    return [cell for kind, cell in first.items() if kind in kinds]


def _run(cells: list[Cell], store: Store, monitor: RunMonitor) -> None:
    from bench.experiments import launch

    work = launch.outstanding(cells, store)
    labels = {cell.trial.key: cell.arm for cell in cells}
    monitor.message(f"measuring {plural(len(work.trials), 'short trial')}")
    with monitor.trials(work, {trial.key: labels.get(trial.key, "") for trial in work.trials}) as progress:
        launch.launch(work, store, "serial", progress)
