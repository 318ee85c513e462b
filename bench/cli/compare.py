"""`bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.cli.options import Json, print_json, writable_folder
from bench.core import paths

SIDE = typer.Argument(help="A study that was run here, or FOLDER:STUDY for one in another folder of results.")
OUT = typer.Option("--out", help="Folder to write to. Default: comparisons/A--B in the results.")


def compare(
    first: Annotated[str, SIDE],
    second: Annotated[str, SIDE],
    out: Annotated[Path | None, OUT] = None,
    as_json: Json = False,
) -> None:
    """Compare two studies, or one study run by two versions of the code: which arms differ, and by how much."""
    from bench.report import study_comparison

    root = paths.results_root()
    out = None if out is None else writable_folder(out)
    comparison = study_comparison.read(first, second, root)
    names = "--".join(study_comparison.parse_study(side, root)[1] for side in (first, second))
    page = study_comparison.write(comparison, out or root / study_comparison.FOLDER / names)
    if as_json:
        rows = [row for part in comparison.parts for row in part.frame.to_dict("records")]
        plain = [{name: None if value != value else value for name, value in row.items()} for row in rows]
        apart = {part.name: list(part.apart) for part in comparison.parts}
        return print_json({"sides": comparison.labels, "summary": comparison.summary, "apart": apart, "rows": plain})
    Console().print(study_comparison.terminal(comparison))
    return print(f"comparison: {page}")


COMMAND = compare
PANEL = "Results"
