"""Commands that build reports from records: report, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.options import Json, print_json
from bench.core import BenchError, paths

STUDY = typer.Option("--study", "-s", help="Name of a study that was run here.")
ALL = typer.Option("--all", help="The reports of all studies that were run here, and a page that leads to them.")
SIDE = typer.Argument(help="A study that was run here, or FOLDER:STUDY for one in another folder of results.")
OUT = typer.Option("--out", help="The folder to write into; comparisons/A--B of the results where it is not given.")


def attach(app: typer.Typer) -> None:
    """Give the commands of this file to the application."""
    app.command("report")(report)
    app.command("compare")(compare)


def report(study: Annotated[str, STUDY] = "", every: Annotated[bool, ALL] = False, as_json: Json = False) -> None:
    """Build the tables, figures, page and manifest of a study anew from its records."""
    from bench import report as reports

    if bool(study) == every:
        raise BenchError("bench report takes --study NAME, or --all")
    root = paths.results_root()
    if every:
        return _all(root)
    page = reports.build(study, root)
    if as_json:
        return print((page.parent / "manifest.json").read_text(), end="")
    return print(page)


def _all(root: Path) -> None:
    from bench.report import index

    page, faults = index.build_all(root, lambda name, words: print(f"{name}: {words}"))
    print(page)
    if faults:
        raise typer.Exit(1)


def compare(
    first: Annotated[str, SIDE],
    second: Annotated[str, SIDE],
    out: Annotated[Path | None, OUT] = None,
    as_json: Json = False,
) -> None:
    """Two studies side by side, or one study made by two versions of the code: which arms differ, and by how much."""
    from bench.report import study_comparison

    root = paths.results_root()
    found = study_comparison.read(first, second, root)
    names = "--".join(study_comparison.located(side, root)[1] for side in (first, second))
    page = study_comparison.write(found, out or root / study_comparison.FOLDER / names)
    if as_json:
        rows = [row for part in found.parts for row in part.frame.to_dict("records")]
        plain = [{name: None if value != value else value for name, value in row.items()} for row in rows]
        apart = {part.name: list(part.apart) for part in found.parts}
        return print_json({"sides": found.labels, "summary": found.summary, "apart": apart, "rows": plain})
    Console().print(study_comparison.terminal(found))
    return print(f"comparison: {page}")
