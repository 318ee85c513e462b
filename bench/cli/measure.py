"""`bench plan --measure`: short trials of what no record tells of, so that a plan can say what it will take."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from bench.cli.progress_bars import TrialProgressBar
from bench.cli.run import with_phantoms
from bench.core import Recipe, Trial, plural
from bench.experiments import plan
from bench.experiments.plan import Cell
from bench.experiments.plan.estimate import MEASURED, cost_kind
from bench.experiments.prepare_study import PlannedStudy, lay_out
from bench.storage.record_store import Store

STEPS, POINTS = 8, 2  # of a short trial; the first step of a process is slower than the others


def measure(found: PlannedStudy) -> PlannedStudy:
    """The same plan, once a short trial was run of every kind that only `--measure` can tell of.

    Missing phantoms are made. The short trials stay apart from the results, and no table reads them.
    """
    console = Console(stderr=True)
    found = with_phantoms(found, console, smoke=False)
    unknown = {cost_kind(trial) for trial in found.open_trials} - set(found.estimate.needs)
    if not unknown:
        return found
    recipe = found.study.recipe
    short = replace(recipe, steps=min(STEPS, recipe.steps), points=min(POINTS, recipe.points))
    chosen = _first_of_each(_short(found, short), unknown)
    store = Store(found.store.root / MEASURED)
    _launch(chosen, store, console)
    return lay_out(found.name, found.study, found.found, found.notes)


def _short(found: PlannedStudy, recipe: Recipe) -> list[Cell]:
    study = replace(found.study, recipe=recipe, partitions=1, seeds=1, again=None, random_labels=None)
    return plan.cells(study, found.found)


def _first_of_each(cells: list[Cell], kinds: set) -> list[Cell]:
    """A cell of each kind of trial, with what it learns from."""
    first: dict[tuple, Cell] = {}
    for cell in cells:
        first.setdefault(cost_kind(cell.trial), cell)
    return [cell for kind, cell in first.items() if kind in kinds]


def _launch(cells: list[Cell], store: Store, console: Console) -> None:
    from bench.experiments import launch

    work = launch.outstanding(cells, store)
    labels: dict[str, str] = {cell.trial.key: cell.arm for cell in cells}
    trials: list[Trial] = work.trials
    console.print(f"measuring {plural(len(trials), 'short trial')}", highlight=False)
    with TrialProgressBar(work, {trial.key: labels.get(trial.key, "") for trial in trials}, console) as watch:
        launch.launch(work, store, "serial", watch)
