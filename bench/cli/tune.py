"""`bench tune`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bench.cli.options import Arms, Changes, Datasets, Json, Phantoms, StandIns, StudyName, print_json
from bench.core import plural

if TYPE_CHECKING:
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.search import SearchSession
    from bench.experiments.tune_study import TuneResult

TRIALS = typer.Option("--trials", help="Candidates of each search, including the defaults. Default: the study's own.")
FOLDS = typer.Option("--fold", help="Only this fold, from 0. May be repeated.")
STORAGE = typer.Option(
    "--storage",
    help="Where candidates are stored: a file (.db for SQLite, .log for a journal) or the URL of a database. Processes"
    " that name the same storage share the search. Default: SQLite in the study's folder.",
)
LAUNCHER = typer.Option("--launcher", help="serial, ray (Ray Tune), or auto: ray if there are several processors.")
ADDRESS = typer.Option(
    "--address",
    help="HOST:PORT of a running Ray cluster, or auto. Default: $RAY_ADDRESS. Its nodes need the same code and data;"
    " only this command reads and writes the storage.",
)


def tune(
    study: StudyName,
    trials: Annotated[int | None, TRIALS] = None,
    arm: Arms = None,
    fold: Annotated[list[int] | None, FOLDS] = None,
    storage: Annotated[str, STORAGE] = "",
    launcher: Annotated[str, LAUNCHER] = "auto",
    address: Annotated[str, ADDRESS] = "",
    datasets: Datasets = None,
    stand_ins: StandIns = None,
    phantoms: Phantoms = False,
    changes: Changes = None,
    as_json: Json = False,
) -> None:
    """Search the parameters of a study's arms on the validation part of each fold. Test parts are not read.

    An interrupted search is resumed by the same command. Exit status 1 if a search has found no winner.
    """
    from bench.experiments import tune_study
    from bench.experiments.prepare_study import StudyRequest
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.study_settings import parse_settings

    monitor = ConsoleMonitor(Console(stderr=as_json))
    request = StudyRequest(study, datasets or [], stand_ins, phantoms, settings=parse_settings(changes or ()))
    options = tune_study.TuneOptions(trials, arm or (), fold or (), storage, launcher, address)
    planned = tune_study.plan_searches(request, options, monitor)
    for line in planned.lines():
        monitor.message(line)
    result = tune_study.run_searches(planned, _ProgressLines(len(planned.searches), monitor), monitor)
    if as_json:
        return print_json(result.entry)
    return _print(result, monitor)


class _ProgressLines:
    """Prints a line about the current search now and then, and at its end."""

    def __init__(self, searches: int, monitor: ConsoleMonitor) -> None:
        self.searches, self.monitor = searches, monitor
        self.printed, self.seen = 0.0, []

    def __call__(self, session: SearchSession) -> None:
        if session.search.identity not in self.seen:
            self.seen.append(session.search.identity)
        states = session.states
        ended = sum(count for state, count in states.items() if state != "RUNNING")
        from bench.experiments.clock_text import PLAIN_EVERY

        if ended < session.trials and time.monotonic() - self.printed < PLAIN_EVERY:
            return
        self.printed = time.monotonic()
        names = (("PRUNED", "pruned"), ("FAIL", "failed"))
        more = "".join(f", {states[state]} {word}" for state, word in names if states[state])
        place = f"search {len(self.seen)} of {self.searches}, {session.search.label}"
        self.monitor.message(f"{place}: {ended}/{session.trials} candidates{more}")


def _print(result: TuneResult, monitor: ConsoleMonitor) -> None:
    """Print the results and how to use them. Exits with 1 if a search has no winner."""
    for one in result.results:
        monitor.message(f"{one.search.label}: {one.verdict()}")
    seconds, steps = sum(one.seconds for one in result.results), sum(one.steps for one in result.results)
    monitor.message(f"cost of the search: {steps} optimiser steps, {seconds:.0f} s")
    for place in result.entry["not_searched"]:
        monitor.message(f"search not finished: {place}")
    name = f"studies/tuned/{result.file.parent.name}.json"
    sets = plural(len(result.entry["sets"]), "set of values", "sets of values")
    print(f"tuned parameters: {result.file}, {sets}; commit it as {name} to use it in studies")
    print(f"report: {result.page}")
    if not all(one.winner for one in result.results):
        raise typer.Exit(1)


COMMAND = tune
PANEL = "Studies"
