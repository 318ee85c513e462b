"""`bench merge`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import writable_folder
from bench.core import paths

SOURCES = typer.Argument(help="Two folders of results or more.")
OUT = typer.Option("--out", "-o", help="New folder for the merged results.")
UNLIKE = typer.Option("--unlike-code", help="Merge records of different versions of the code; the report says so.")


def merge(
    sources: Annotated[list[Path], SOURCES],
    out: Annotated[Path, OUT],
    unlike_code: Annotated[bool, UNLIKE] = False,
) -> None:
    """Merge the results of several machines, after checking protocol, data, studies, records and code."""
    from bench.experiments.merge.merge_results import merge_results

    summary = merge_results([paths.expand(source) for source in sources], writable_folder(out), unlike_code)
    for line in summary.lines():
        print(line)
    print(f"build the reports with: BENCH_RESULTS={shlex.quote(str(out))} bench report --all")


COMMAND = merge
PANEL = "Results"
