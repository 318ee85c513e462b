"""`bench open`: the report of a study in the browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from bench.core import BenchError, paths


def open_(
    study: Annotated[str, typer.Option("--study", "-s", help="Name of a study. Default: the newest report here.")] = "",
) -> None:
    """Open the report of a study in the browser, and print its path."""
    root = paths.results_root()
    if study:
        page = root / study / "report.html"
        if not page.is_file():
            raise BenchError(f"no report of {study} in {root}; build it: bench report --study {study}")
    else:
        pages = sorted(root.glob("*/report.html"), key=lambda path: path.stat().st_mtime)
        if not pages:
            raise BenchError(f"no report in {root}; start with: bench run --study quickstart")
        page = pages[-1]
    print(page)
    if not webbrowser.open(page.resolve().as_uri()):
        print("no browser could be started; open the file by hand")


COMMAND = open_
PANEL = "Results"
