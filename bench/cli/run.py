"""`bench run`: from a study to its report."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import registry
from bench.cli.exit_summary import RunSummary, outcome
from bench.cli.options import Arms, Datasets, Phantoms, StandIns, StudyName
from bench.cli.progress_bars import PreparationProgressBar, TrialProgressBar
from bench.core import BenchError, Data, DataSpec, paths
from bench.experiments import plan
from bench.experiments.prepare_study import PlannedStudy, StudyRequest, check_arms, lay_out, planned
from bench.storage.record_store import Store

ADDRESS = typer.Option("--address", help="HOST:PORT of a Ray cluster that runs already, or auto; as $RAY_ADDRESS.")
LAUNCHER = typer.Option("--launcher", help="serial, ray, or auto: ray where there are processors and trials for it.")


def attach(app: typer.Typer) -> None:
    """Give the command of this file to the application."""
    app.command("run")(run)


def run(
    study: StudyName,
    arm: Arms = None,
    launcher: Annotated[str, LAUNCHER] = "auto",
    address: Annotated[str, ADDRESS] = "",
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Prove that the study runs; its numbers are thrown away.")
    ] = False,
    datasets: Datasets = None,
    stand_ins: StandIns = None,
    phantoms: Phantoms = False,
    retry: Annotated[bool, typer.Option("--retry", help="Run failed trials again.")] = False,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep the selected weights of every trial.")
    ] = False,
) -> None:
    """Run what a study still lacks, then build its report. A finished study trains nothing.

    A smoke run takes one trial after the other, unless a launcher or an address is given.
    """
    asked, console = StudyRequest(study, datasets or [], stand_ins, phantoms), Console()
    mend(asked.data)
    if smoke:
        way = ("serial", "") if (launcher, address) == ("auto", "") else (launcher, address)
        with tempfile.TemporaryDirectory(prefix="bench-smoke-") as folder:
            came = _carry_out(planned(asked, smoke=True), Path(folder), arm, way)
    else:
        came = _carry_out(
            planned(asked), paths.results_root(), arm, (launcher, address), retry=retry, keep=keep_weights
        )
        _report(asked.name)
    for line in came.lines(smoke):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if came.failed or came.verdict:
        raise typer.Exit(1)


def _carry_out(
    found: PlannedStudy, root: Path, arms: list[str] | None, launcher: tuple[str, str], *,
    retry: bool = False, keep: bool = False,
) -> RunSummary:  # fmt: skip
    """Run what is outstanding and return what came of the plan. launcher: with the address."""
    from bench.experiments import launch

    console = Console(stderr=False)
    launch.chosen(*launcher)  # a wrong one is told before anything is made
    plan.chosen(found.study, found.name, found.cells, arms or [])  # a wrong arm is told before anything is made
    if not launch.at(*launcher):
        _check_threads(found)
    console.print(found.study.question, markup=False)
    found = with_phantoms(found, console, found.smoke)
    chosen = plan.chosen(found.study, found.name, found.cells, arms or [])
    for line in found.lines():
        console.print(line, markup=False, highlight=False)
    store = Store(root)
    if not found.smoke:
        plan.write(found.name, found.study, found.found, found.cells, notes=_notes(found), command=_command())
    store.sweep()
    work = launch.outstanding(chosen, store, keep, retry, found.cells)
    for words in work.damaged:
        console.print(f"damaged, set aside and run again: {words}", markup=False, highlight=False)
    if work.trials:
        _check(found)
    with TrialProgressBar(work, {cell.trial.key: cell.arm for cell in chosen}, console) as watch:
        launch.launch(work, store, launcher[0], watch, launcher[1])
    return outcome(found.name, found.study.reference, chosen, store)


def _check_threads(found: PlannedStudy) -> None:
    """BenchError where what is left to run asks for more processors than this machine has."""
    from bench.experiments import launch

    try:
        launch.check_threads(found.study.recipe.threads)
    except BenchError:
        if found.open_trials:
            raise


def mend(data: Sequence[Data]) -> None:
    """Prepare anew what is damaged of these data sets, where that can be done from here; else a HaltError."""
    from bench.data.prepare import DamagedDataError, open_prepared, prepare

    console = Console()
    asked = [(each.name, each.params) for one in data for each in (one, one.external) if each]
    twins = [(registry.member("datasets", name).twin, {}) for name, _ in asked]
    for name, params in [*asked, *((twin, nothing) for twin, nothing in twins if twin)]:
        try:
            there = open_prepared(name, params)
            if there is not None:
                there.verify()
        except DamagedDataError as error:
            if error.source is None and not registry.member("datasets", name).phantom:
                raise
            console.print(str(error), markup=False, highlight=False)
            with PreparationProgressBar(console, f"preparing {name} anew") as progress:
                prepare(name, params, error.source, progress=progress, skip_broken=error.skipped)


def with_phantoms(found: PlannedStudy, console: Console, smoke: bool) -> PlannedStudy:
    """The same plan, its phantoms made where they were not there yet."""
    from bench.data.prepare import prepare

    def made(spec: DataSpec) -> DataSpec:
        if spec.fingerprint:
            return spec
        with PreparationProgressBar(console, f"making {spec.name}") as progress:
            return replace(spec, fingerprint=prepare(spec.name, spec.params, progress=progress).fingerprint)

    items = []
    for item in found.found:
        external = replace(item.external, data=made(item.external.data)) if item.external else None
        items.append(replace(item, spec=made(item.spec), external=external))
    return lay_out(found.name, found.study, items, found.notes, smoke)


def _check(found: PlannedStudy) -> None:
    """What can only be known with torch at hand: the networks that the arms name, the metrics of the data sets."""
    from bench.data import splits
    from bench.data.prepare import open_prepared
    from bench.evaluation.metrics import metric

    for spec in (spec for item in found.found for spec in item.specs):
        task = registry.make("datasets", spec.name, spec.params).task
        if metric(task.primary).kind != task.kind:
            raise BenchError(f"{spec.name}: {task.primary} judges {metric(task.primary).kind}, not {task.kind}")
    for item in found.found:  # groups that cannot be divided so are told before anything is trained
        prepared = open_prepared(item.spec.name, item.spec.params)
        splits.fold(prepared, item.division(found.study.folds), 0, 0)
    check_arms(found.name, found.study)


def _notes(found: PlannedStudy) -> list[str]:
    from bench.data.prepare import open_prepared

    notes = list(found.notes)
    for spec in (spec for item in found.found for spec in item.specs):
        manifest = open_prepared(spec.name, spec.params).manifest
        notes += [f"{spec.name}: {note}" for note in manifest.get("notes", [])]
    return list(dict.fromkeys(notes))


def _command() -> str:
    return shlex.join(["bench", *sys.argv[1:]])  # whatever started it: only this can be typed to repeat it


def _report(name: str) -> None:
    from bench import report

    sheet = report.read(name, paths.results_root())
    page = report.build(name, paths.results_root(), sheet)
    Console().print(report.terminal_table(name, paths.results_root(), sheet))
    print(f"report: {page}")
