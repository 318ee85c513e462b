"""`bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Json, printable_json
from bench.core import BenchError, paths

STUDY = typer.Option("--study", "-s", help="Name of a study that was run here.")
ALL = typer.Option(
    "--all", help="Build the reports of all studies that were run here, an index, a leaderboard, a feed."
)
SINCE = typer.Option("--since", help="With --all: other results, by an earlier version of the code, to compare with.")


def report(
    study: Annotated[str, STUDY] = "",
    every: Annotated[bool, ALL] = False,
    since: Annotated[Path | None, SINCE] = None,
    as_json: Json = False,
) -> None:
    """Build the tables, figures, page and manifest of a study from its records. Trains nothing."""
    from bench import report as reports

    if bool(study) == every:
        raise BenchError("give either --study NAME or --all")
    if since is not None and not every:
        raise BenchError("--since is for --all; bench compare shows two results of one study side by side")
    root = paths.results_root()
    if every:
        return _all(root, None if since is None else paths.expand(since))
    page = reports.build(study, root)
    if as_json:
        return print(printable_json((page.parent / "manifest.json").read_text("utf-8")), end="")
    return print(page)


def _all(root: Path, since: Path | None) -> None:
    from bench.report import index

    page, faults = index.build_all(root, lambda name, words: print(f"{name}: {words}"), since)
    print(page)
    if faults:
        raise typer.Exit(1)


COMMAND = report
PANEL = "Results"
