"""`bench plan`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cli.options import Datasets, Json, Phantoms, StandIns, StudyName, print_json
from bench.core import BenchError

if TYPE_CHECKING:
    from bench.experiments.plan.estimate import TrialCost
    from bench.experiments.planned_study import ArmRow, PlannedStudy


def plan(
    study: StudyName,
    datasets: Datasets = None,
    stand_ins: StandIns = None,
    phantoms: Phantoms = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Run a few steps of trials that no record can estimate."),
    ] = False,
    power: Annotated[
        float | None,
        typer.Option("--power", help="Say how many people or partitions it takes to show this difference."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a study would run, what the rest will take, and what it could show. Runs nothing without --measure."""
    if power is not None and not 0 < power < math.inf:
        raise BenchError(f"--power takes a difference above 0 in the unit of the primary metric, not {power:g}")
    from bench.experiments import api
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.search.search_estimate import estimate_searches

    planned = api.plan(
        study,
        datasets=datasets or (),
        phantoms=phantoms,
        stand_ins=stand_ins,
        measure=measure,
        progress=ConsoleMonitor(Console(stderr=True)),
    )
    search = estimate_searches(planned.name, planned.study, planned.data, planned.store.root)
    if as_json:
        rest = {"search": search.to_dict()} if search else {}
        return print_json({**planned.summary(), "power": planned.power.summary(power), **rest})
    return _print(planned, [search.line()] if search else [], power)


def _print(planned: PlannedStudy, more: list[str], difference: float | None) -> None:
    """The plan in words, its arms, and what it could show. more: lines after those of the plan."""
    console = Console()
    console.print(planned.study.question, markup=False)
    for line in [*planned.lines(), *more]:
        console.print(line, markup=False)
    console.print(_table(planned.rows(), planned.trial_costs()))
    for line in planned.power.lines(difference):
        console.print(line, markup=False, highlight=False)


def _table(rows: Iterable[ArmRow], costs: Mapping[tuple[str, str], TrialCost]) -> Table:
    """A row for every arm, with the time and memory of one of its open trials if records tell."""
    table = Table("data", "arm", "trials", "done", "s/trial", "MB", box=None, pad_edge=False)
    for row in rows:
        cost = costs.get((row.data, row.arm))
        taken = ("", "") if cost is None else (f"{cost.seconds:.1f}", f"{cost.memory_mb or 0:.0f}")
        table.add_row(escape(row.data), escape(row.label), str(row.trials), str(row.done), *taken)
    return table


COMMAND = plan
PANEL = "Studies"
