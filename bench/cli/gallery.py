"""`bench gallery`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.completion_names import dataset_names
from bench.cli.options import Settings, settings, writable_folder
from bench.core import BenchError


def gallery(
    name: Annotated[str, typer.Argument(help="Name of a prepared data set of volumes.", autocompletion=dataset_names)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to; the files are named gallery.*")],
    scans: Annotated[
        int, typer.Option("--scans", min=1, max=6, help="Number of scans, from several classes or ages.")
    ] = 2,
    set_: Settings = None,
) -> None:
    """Draw scans side by side as slices, projections and dynamic images: what each view keeps of a volume.

    Pictures of real scans show people's heads: share them only as the terms of the data allow.
    """
    from bench import registry
    from bench.data.prepare import open_prepared
    from bench.report.figures.style import save_figure
    from bench.report.figures.view_gallery import draw_gallery, rows_to_draw

    params, out = settings(set_), writable_folder(out)
    registry.make("datasets", name, params)
    prepared = open_prepared(name, params)
    if prepared is None:
        raise BenchError(f"{name} is not prepared; run: bench prepare {shlex.quote(name)} --from FOLDER")
    if len(prepared.shape) != 4:
        raise BenchError(f"{name} holds images, not volumes: every view returns them unchanged")
    figure = draw_gallery(prepared, rows_to_draw(prepared, scans))
    for path in save_figure(figure, out, "gallery"):
        print(path)


COMMAND = gallery
PANEL = "Data sets"
