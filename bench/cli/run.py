"""`bench run`: from a study to its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bench.cli.options import Arms, Changes, Datasets, Phantoms, StandIns, StudyName, writable_folder

if TYPE_CHECKING:
    from bench.experiments.study_results import Results

ADDRESS = typer.Option("--address", help="HOST:PORT of a running Ray cluster, or auto. Default: $RAY_ADDRESS.")
LAUNCHER = typer.Option("--launcher", help="serial, ray, or auto: ray if there are several processors and many trials.")
TENSORBOARD = typer.Option("--tensorboard", help="Folder for TensorBoard: scalars of every trial, as they come.")
WEIGHTS = typer.Option("--keep-weights", help="Save the selected weights of every trial.")


def run(
    study: StudyName,
    arm: Arms = None,
    launcher: Annotated[str, LAUNCHER] = "auto",
    address: Annotated[str, ADDRESS] = "",
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Check that the study runs; its numbers are discarded.")
    ] = False,
    datasets: Datasets = None,
    stand_ins: StandIns = None,
    phantoms: Phantoms = False,
    retry: Annotated[bool, typer.Option("--retry", help="Run failed trials again.")] = False,
    keep_weights: Annotated[bool, WEIGHTS] = False,
    changes: Changes = None,
    tensorboard: Annotated[Path | None, TENSORBOARD] = None,
) -> None:
    """Run the trials of a study that have no record yet, then build its report.

    A finished study trains nothing. A smoke run is serial unless a launcher or an address is given. Exit status 1 if
    a trial failed, or if nothing can be compared because all arms or the reference were refused.
    """
    from bench.experiments import api
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.study_settings import parse_settings

    console = Console()
    results = api.run(
        study,
        datasets=datasets or (),
        arms=arm or (),
        smoke=smoke,
        phantoms=phantoms,
        stand_ins=stand_ins,
        launcher=launcher,
        address=address,
        retry=retry,
        keep_weights=keep_weights,
        settings=parse_settings(changes or ()),
        tensorboard=None if tensorboard is None else writable_folder(tensorboard, "--tensorboard"),
        progress=ConsoleMonitor(console),
    )
    _print(results, console)
    if results.summary.failed or results.summary.verdict:
        raise typer.Exit(1)


def _print(results: Results, console: Console) -> None:
    if results.path:
        from bench.report.terminal import terminal

        console.print(terminal(results.report_data.tables))
    for line in results.summary.lines(results.smoke):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if results.path:
        _print_answer(results, console)


def _print_answer(results: Results, console: Console) -> None:
    """The answer in sentences and the path of the report: the last lines of a run."""
    from bench.report.headline import summary

    console.print("\nAnswer", style="bold")
    for sentence in summary(results.report_data.results, results.report_data.tables):
        console.print(f"- {sentence}", markup=False, highlight=False, soft_wrap=True)
    print(f"report: {results.path}")


COMMAND = run
PANEL = "Studies"
