"""`bench tune`: parameters searched on each fold's validation part."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from bench.cli.options import Arms, Datasets, Json, Phantoms, StandIns, StudyName, print_json
from bench.core import plural
from bench.experiments import plan
from bench.storage.atomic_io import storing
from bench.storage.locks import claimed

if TYPE_CHECKING:
    from bench.experiments.planned_study import PlannedStudy
    from bench.experiments.search import OptunaStorage, Search, SearchResult, SearchSession

PLAIN_EVERY = 10.0  # seconds between two plain lines

TRIALS = typer.Option("--trials", help="Candidates of each search, the defaults among them; else as the study says.")
FOLDS = typer.Option("--fold", help="Only this fold, from 0; may be repeated.")
STORAGE = typer.Option(
    "--storage",
    help="Where the search is remembered: a file (.db SQLite, .log journal) or the URL of a database; else SQLite in"
    " the study's folder. Processes that name the same storage share the search.",
)
LAUNCHER = typer.Option("--launcher", help="serial, ray (Ray Tune), or auto: ray where there are processors for it.")
ADDRESS = typer.Option(
    "--address",
    help="HOST:PORT of a Ray cluster that runs already, or auto; as $RAY_ADDRESS. Its nodes need the same code and"
    " data; the storage is read and written by this command alone.",
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
    as_json: Json = False,
) -> None:
    """Search parameters, each outer fold by itself on its validation part. The test part is not read."""
    from bench.experiments import search as tuning
    from bench.experiments.prepare_study import StudyRequest
    from bench.experiments.search import result_files

    asked = StudyRequest(study, datasets or [], stand_ins, phantoms)
    tuning.search_launcher(launcher, address)  # before anything is made
    console = Console(stderr=as_json)
    found, searches, notes = _laid_out(asked, trials, arm or [], fold or [], console)
    folder, budget = plan.folder(asked.name), searches[0].tuning.trials
    memory = tuning.OptunaStorage(storage or str(folder / "search.db"))
    for line in _lines(searches, budget, memory, notes):
        console.print(line, markup=False, highlight=False)
    every = tuning.every(asked.name, found.study, found.data)
    claims = (folder if memory.on_server else memory.path.parent) / ".search"
    begun = partial(result_files.write, folder, asked.name, every, searches, memory, claims)
    watch = _Watching(len(searches), console, begun)
    place = tuning.RayTarget(address, _peaks(found), partial(console.print, markup=False, highlight=False))
    results = tuning.carry_out(searches, memory, budget, claims, launcher, watch, place)
    entry, page = _leave(folder, found.study.question, every, results, memory, notes)
    if as_json:
        return print_json(entry)
    return _say(results, entry, page, console)


def _peaks(found: PlannedStudy) -> dict[tuple[str, str], float]:
    """What trials of the study have needed of memory, as far as they have records."""
    from bench.experiments.launch.jobs import note_peak

    peaks: dict[tuple[str, str], float] = {}
    for key in found.trials:
        if (record := found.store.get(key)) is not None:
            note_peak(peaks, record)
    return peaks


def _leave(
    folder: Path,
    question: str,
    every: list[Search],
    results: list[SearchResult],
    memory: OptunaStorage,
    notes: list[str],
) -> tuple[dict[str, Any], Path]:
    """Write what all searches found that the storage holds, carried out now or earlier; the file and the page."""
    from bench.experiments import search as tuning
    from bench.experiments.search import search_report, winners
    from bench.storage import tuned_file

    with storing(folder), claimed(folder / ".tuned.claim"):  # processes that shared the search end at the same time
        mine = {one.search.identity: one for one in results}
        known = {**tuning.remembered([one for one in every if one.identity not in mine], memory), **mine}
        over = [known[one.identity] for one in every if one.identity in known and known[one.identity].complete]
        entry = winners.write(folder / tuned_file.FILE, folder.name, over, memory, every)
        begun = [f"{one.search.place}: begun, {_over(one)} of {one.trials} candidates" for one in known.values()
                 if not one.complete]  # fmt: skip
        return entry, search_report.build(folder, question, over, entry, [*notes, *begun], every)


def _over(one: SearchResult) -> int:
    return len(one.candidates) - one.states["running"]


def _laid_out(asked: Any, trials: int | None, arms: list[str], folds: list[int], console: Console) -> tuple:
    """The study on data that are prepared, its searches, and what is to be said of both."""
    from dataclasses import replace

    from bench.experiments import search as tuning
    from bench.experiments.prepare_study import plan_study
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.search.search_definition import check_tuning
    from bench.experiments.study_data import make_phantoms, repair_prepared

    monitor = ConsoleMonitor(console)
    found = plan_study(asked)
    how = check_tuning(asked.name, found.study)
    how = replace(how, trials=how.trials if trials is None else trials)
    study = replace(found.study, tuning=how)
    check_tuning(asked.name, study)
    tuning.searches(asked.name, study, found.data, arms, folds)  # what is wrong is told before anything is made
    repair_prepared(asked.data, monitor)
    found = make_phantoms(replace(found, study=study), monitor)
    searches, notes = tuning.searches(asked.name, study, found.data, arms, folds)
    return found, searches, [*found.notes, *notes]


def _lines(searches: list, budget: int, memory: Any, notes: list[str]) -> list[str]:
    first = searches[0]
    recipe, how = first.trial.recipe, first.tuning
    return [
        *notes,
        f"{plural(len(searches), 'search', 'searches')} of {budget} candidates,"
        f" {recipe.steps} steps of {recipe.batch_size} scans each:"
        f" sampler {how.sampler}, pruner {how.pruner}, seed {how.seed}",
        f"remembered in {memory.shown}; the test parts are not read",
    ]


class _Watching:
    """Lines about how the searches go."""

    def __init__(self, searches: int, console: Console, begun: Callable[[], None]) -> None:
        """begun: called once, when the storage is open and nothing was tried yet."""
        self.searches, self.console, self.begun = searches, console, begun
        self.said, self.seen = 0.0, []

    def __call__(self, asking: SearchSession) -> None:
        if not self.seen:
            self.begun()
        if asking.search.identity not in self.seen:
            self.seen.append(asking.search.identity)
        states = asking.states
        over = sum(count for state, count in states.items() if state != "RUNNING")
        if over < asking.trials and time.monotonic() - self.said < PLAIN_EVERY:
            return
        self.said = time.monotonic()
        more = ", ".join(f"{states[name]} {word}" for name, word in (("PRUNED", "pruned"), ("FAIL", "failed"))
                         if states[name])  # fmt: skip
        place = f"search {len(self.seen)} of {self.searches}, {asking.search.place}"
        line = f"{place}: {over}/{asking.trials} candidates{f', {more}' if more else ''}"
        self.console.print(line, markup=False, highlight=False)


def _say(results: list[SearchResult], entry: dict[str, Any], page: Path, console: Console) -> None:
    """What was found, and what to do with it. Ends with 1 where a search has no winner."""
    from bench.storage import tuned_file

    file = plan.folder(entry["study"]) / tuned_file.FILE
    for one in results:
        console.print(f"{one.search.place}: {one.verdict()}", markup=False, highlight=False)
    seconds, steps = sum(one.seconds for one in results), sum(one.steps for one in results)
    console.print(f"cost of the search: {steps} optimiser steps, {seconds:.0f} s", highlight=False)
    for place in entry["not_searched"]:
        console.print(f"not searched yet, to the end: {place}", markup=False, highlight=False)
    use = f"committed as studies/tuned/{file.parent.name}.json, studies use it by that name"
    print(f"found: {file}, {len(entry['sets'])} sets; {use}")
    print(f"report: {page}")
    if not all(one.winner for one in results):
        raise typer.Exit(1)


COMMAND = tune
PANEL = "Studies"
