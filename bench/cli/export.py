"""`bench export`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import StudyName, writable_folder


def export(
    study: StudyName,
    to: Annotated[str, typer.Option("--to", help="tensorboard or mlflow.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
) -> None:
    """Write the curves and scores of a study's finished runs as files of TensorBoard or MLflow."""
    from bench.core import paths
    from bench.report import export as sinks
    from bench.report import tables

    out = writable_folder(out)
    results = tables.read(study, paths.results_root())
    count = sinks.export(results, to, out)
    place = shlex.quote(str(out.absolute()))
    viewers = {
        "tensorboard": f"tensorboard --logdir {place}",
        "mlflow": f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {place} (needs the full"
        " package: pip install mlflow; mlflow-skinny has no viewer)",
    }
    print(f"{count} runs of {study} written to {out}; view them with: {viewers[to]}")


COMMAND = export
PANEL = "Results"
