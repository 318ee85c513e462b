"""`bench paper`."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.core import paths

STUDY = typer.Option("--study", "-s", help="Name of a study that was run here.")


def paper(study: Annotated[str, STUDY]) -> None:
    """Write the methods section, references, checklists and cards of a study for a paper. Trains nothing."""
    from bench.report.paper import build

    folder = build(study, paths.results_root())
    for path in sorted(folder.iterdir()):
        print(path)


COMMAND = paper
PANEL = "Results"
