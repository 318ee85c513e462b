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
WIDTH = typer.Option("--width", help="Also draw the figures this many mm wide, in figures-WIDTHmm/: 85 for a column.")


def report(
    study: Annotated[str, STUDY] = "",
    every: Annotated[bool, ALL] = False,
    since: Annotated[Path | None, SINCE] = None,
    width: Annotated[float | None, WIDTH] = None,
    as_json: Json = False,
) -> None:
    """Build the tables, figures, page and manifest of a study from its records. Trains nothing."""
    from bench import report as reports

    if bool(study) == every:
        raise BenchError("give either --study NAME or --all")
    if since is not None and not every:
        raise BenchError("--since is for --all; bench compare shows two results of one study side by side")
    root = paths.results_root()
    if every and width is not None:
        raise BenchError("--width takes one study; give --study NAME instead of --all")
    if every:
        return _all(root, None if since is None else paths.expand(since))
    figures = None if width is None else reports.draw_at_width(study, root, width)
    page = reports.build(study, root)
    if as_json:
        return print(printable_json((page.parent / "manifest.json").read_text("utf-8")), end="")
    print(page)
    return print(f"figures of {width:g} mm: {figures}") if figures else None


def _all(root: Path, since: Path | None) -> None:
    from bench.report import index

    page, faults = index.build_all(root, lambda name, words: print(f"{name}: {words}"), since)
    print(page)
    if faults:
        raise typer.Exit(1)


COMMAND = report
PANEL = "Results"
