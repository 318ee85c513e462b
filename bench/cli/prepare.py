"""`bench prepare`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import registry
from bench.cli.completion_names import dataset_names
from bench.cli.options import Json, Settings, print_json, settings
from bench.experiments.progress_bars import PreparationProgressBar


def prepare(
    name: Annotated[
        str, typer.Argument(help="Name of a data set; `bench list datasets` lists them.", autocompletion=dataset_names)
    ],
    source: Annotated[Path | None, typer.Option("--from", help="Folder with the scans. Not for phantoms.")] = None,
    set_: Settings = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of scans read at the same time. Default: one per processor.")
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave out scans that cannot be used. The report names them.")
    ] = False,
    alike: Annotated[
        str | None,
        typer.Option(
            "--alike",
            help="Scans of different groups that look like one person's: together makes them one group, apart declares"
            " that they are of different people. Default: stop and name them.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the scans of a data set once and save them as arrays. Exit status 1 if scans cannot be used, or are alike.

    Data that are prepared already are checked; if they are damaged, they are set aside and prepared again.
    """
    from bench.data.prepare import prepare as prepare_data

    params = settings(set_)
    registry.make("datasets", name, params)  # a wrong name stops before anything is printed
    console = Console(stderr=as_json)
    with PreparationProgressBar(console, f"preparing {name}") as progress:
        prepared = prepare_data(
            name, params, source, workers, progress, skip_broken, True, partial(_wait, console, name), alike or ""
        )
    if as_json:
        print_json({"name": name, "fingerprint": prepared.fingerprint, **prepared.manifest})
    else:
        _print_manifest(console, prepared)


def _wait(console: Console, name: str) -> None:
    console.print(f"another process is preparing {name}; waiting until it has finished", markup=False, highlight=False)


def _print_manifest(console: Console, prepared: object) -> None:
    from bench.data.prepare.accounting import left_out_lines

    groups = len(set(prepared.groups))
    console.print(f"{prepared.name}: {len(prepared.ids)} scans of {groups} groups, shape {prepared.shape}")
    for stage, done in prepared.manifest["done"].items():
        console.print(f"{stage}: {done}", markup=False, highlight=False)
    if prepared.manifest["expected"]:
        table = Table("", "found", "expected", box=None, pad_edge=False)
        for what, count in prepared.manifest["expected"].items():
            table.add_row(what, str(prepared.manifest["found"].get(what, 0)), str(count))
        console.print(table)
    elif prepared.task.kind == "classification":
        counts = {label: int((prepared.targets == at).sum()) for at, label in enumerate(prepared.task.classes)}
        console.print(", ".join(f"{label}: {count}" for label, count in counts.items()), highlight=False)
    for note in prepared.manifest.get("notes", []):
        console.print(note, markup=False, highlight=False)
    for line in left_out_lines(prepared.manifest, prepared.folder):
        console.print(line, markup=False, highlight=False)
    for broken in prepared.manifest["broken"]:
        console.print(f"left out: {broken['id']}: {broken['reason']}", markup=False, highlight=False)
    if prepared.manifest["seconds"]:
        stages = ", ".join(f"{stage} {spent:.2f} s" for stage, spent in prepared.manifest["seconds"].items())
        console.print(f"time, summed over all threads: {stages}", highlight=False)


COMMAND = prepare
PANEL = "Data sets"
