"""`bench gallery`: scans of a prepared data set as every view shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Settings, settings
from bench.core import BenchError


def attach(app: typer.Typer) -> None:
    """Give the command of this file to the application."""
    app.command("gallery")(gallery)


def gallery(
    name: Annotated[str, typer.Argument(help="Name of a data set of volumes that is prepared.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into; files are called gallery.*")],
    scans: Annotated[int, typer.Option("--scans", min=1, max=6, help="How many, of different classes or ages.")] = 2,
    set_: Settings = None,
) -> None:
    """Draw scans as slices, projections and dynamic images: what each view keeps of a volume, side by side.

    Of real scans the pictures show people's heads: give them on only as the data's terms allow.
    """
    from bench import registry
    from bench.data.prepare import open_prepared
    from bench.report import figures
    from bench.report.figures import gallery_figure as drawing

    params = settings(set_)
    registry.make("datasets", name, params)
    prepared = open_prepared(name, params)
    if prepared is None:
        raise BenchError(f"{name} is not prepared; run: bench prepare {name}")
    if len(prepared.shape) != 4:
        raise BenchError(f"{name} holds images, not volumes: every view leaves them as they are")
    drawn = drawing.gallery(prepared, drawing.chosen(prepared, scans))
    for path in figures.save(drawn, out, "gallery"):
        print(path)
