"""`bench plan`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cli.options import Datasets, Json, Phantoms, StandIns, StudyName, print_json

if TYPE_CHECKING:
    from bench.experiments.plan.estimate import TrialCost


def plan(
    study: StudyName,
    datasets: Datasets = None,
    stand_ins: StandIns = None,
    phantoms: Phantoms = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Run a few steps of trials that no record can estimate."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what a study would run, how much is done, and what the rest will take. Runs nothing without --measure."""
    from bench.experiments import api
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.search.search_estimate import forecast

    found = api.plan(
        study,
        datasets=datasets or (),
        phantoms=phantoms,
        stand_ins=stand_ins,
        measure=measure,
        progress=ConsoleMonitor(Console(stderr=True)),
    )
    search = forecast(found.name, found.study, found.found, found.store.root)
    if as_json:
        return print_json({**found.summary(), **({"search": search.summary()} if search else {})})
    console = Console()
    console.print(found.study.question, markup=False)
    for line in [*found.lines(), *([search.line()] if search else [])]:
        console.print(line, markup=False)
    return console.print(_planned_table(found.rows(), found.takes()))


def _planned_table(rows: Iterable[tuple[str, str, int, int]], takes: Mapping[tuple[str, str], TrialCost]) -> Table:
    """A row for every arm, with the time and memory of one of its open trials if records tell."""
    table = Table("data", "arm", "trials", "done", "s/trial", "MB", box=None, pad_edge=False)
    for data, arm, trials, done in rows:
        need = takes.get((data, arm.removesuffix(" (random labels)")))
        cost = ("", "") if need is None else (f"{need.seconds:.1f}", f"{need.memory_mb or 0:.0f}")
        table.add_row(escape(data), escape(arm), str(trials), str(done), *cost)
    return table


COMMAND = plan
PANEL = "Studies"
