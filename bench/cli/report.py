"""`bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Json, printable_json
from bench.core import BenchError, paths

STUDY = typer.Option("--study", "-s", help="Name of a study that was run here.")
ALL = typer.Option("--all", help="Build the reports of all studies that were run here, and an index page.")


def report(study: Annotated[str, STUDY] = "", every: Annotated[bool, ALL] = False, as_json: Json = False) -> None:
    """Build the tables, figures, page and manifest of a study from its records. Trains nothing."""
    from bench import report as reports

    if bool(study) == every:
        raise BenchError("give either --study NAME or --all")
    root = paths.results_root()
    if every:
        return _all(root)
    page = reports.build(study, root)
    if as_json:
        return print(printable_json((page.parent / "manifest.json").read_text("utf-8")), end="")
    return print(page)


def _all(root: Path) -> None:
    from bench.report import index

    page, faults = index.build_all(root, lambda name, words: print(f"{name}: {words}"))
    print(page)
    if faults:
        raise typer.Exit(1)


COMMAND = report
PANEL = "Results"
