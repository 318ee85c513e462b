"""`bench plan`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cli.options import Arms, Changes, Datasets, Json, Phantoms, StandIns, StudyName, print_json
from bench.core import BenchError, UnpreparedDataError, paths

if TYPE_CHECKING:
    from bench.experiments.plan.estimate import TrialCost
    from bench.experiments.planned_study import ArmRow, PlannedStudy
    from bench.experiments.power.power_forms import StudyPower
    from bench.experiments.prepare_study import StudyRequest


def plan(
    study: StudyName,
    arm: Arms = None,
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
    people: Annotated[
        int | None,
        typer.Option("--people", min=3, help="Number of people of each data set that is not prepared, for its power."),
    ] = None,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Show what a study would run, what the rest will take, and what it could show. Runs nothing without --measure."""
    if power is not None and not 0 < power < math.inf:
        raise BenchError(f"--power takes a difference above 0 in the unit of the primary metric, not {power:g}")
    from bench.experiments import api
    from bench.experiments.power.study_power import study_power
    from bench.experiments.prepare_study import StudyRequest
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.study_settings import parse_settings

    monitor, names, settings = ConsoleMonitor(Console(stderr=True)), datasets or (), parse_settings(changes or ())
    try:
        planned = api.plan(
            study, arms=arm or (), datasets=names, phantoms=phantoms, stand_ins=stand_ins, measure=measure,
            settings=settings, progress=monitor,
        )  # fmt: skip
    except UnpreparedDataError:
        _answer(_declared_power(StudyRequest(study, names, settings=settings), people), power, as_json)
        raise
    _show(planned, planned.power if people is None else study_power(planned, people), power, as_json)


def _show(planned: PlannedStudy, found: StudyPower, difference: float | None, as_json: bool) -> None:
    """The plan, and what the study could show."""
    from bench.experiments.plan_words import plan_words
    from bench.experiments.search.search_estimate import estimate_searches

    search = estimate_searches(planned.name, planned.study, planned.data, planned.store.root)
    if as_json:
        rest = {"search": search.to_dict()} if search else {}
        print_json(
            {**planned.summary(), "words": plan_words(planned, found), "power": found.summary(difference), **rest}
        )
        return
    _print(planned, plan_words(planned, found), [search.line()] if search else [])
    _answer(found, difference)


def _declared_power(request: StudyRequest, people: int | None) -> StudyPower:
    """What a study could show whose data are not prepared."""
    from bench.experiments.power.study_power import declared_power

    return declared_power(request.name, request.changed.study, paths.results_root(), people)


def _print(planned: PlannedStudy, words: list[str], more: list[str]) -> None:
    """The plan in words, then in detail, and its arms. more: lines after those of the plan."""
    console = Console()
    console.print(planned.study.question, markup=False, style="bold")
    for line in words:
        console.print(line, markup=False, highlight=False)
    console.print("\nIn detail:")
    for line in [*planned.lines(), *planned.refusals, *more]:
        console.print(line, markup=False)
    console.print(_table(planned.rows(), planned.trial_costs()))


def _answer(found: StudyPower, difference: float | None, as_json: bool = False) -> None:
    """What the study could show."""
    if as_json:
        print_json({"power": found.summary(difference)})
        return
    console = Console()
    for line in found.lines(difference):
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
