"""`bench export`: a study's curves and scores for TensorBoard or MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import StudyName


def attach(app: typer.Typer) -> None:
    """Give the command of this file to the application."""
    app.command("export")(export)


def export(
    study: StudyName,
    to: Annotated[str, typer.Option("--to", help="tensorboard or mlflow.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
) -> None:
    """Hand the curves and scores of a study's finished runs to another tool, as files."""
    from bench.core import paths
    from bench.report import export as sinks
    from bench.report import tables

    results = tables.read(study, paths.results_root())
    count = sinks.export(results, to, out)
    looks = {
        "tensorboard": f"tensorboard --logdir {out}",
        "mlflow": f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {out} (the page comes with the whole"
        " package, pip install mlflow; mlflow-skinny writes alone)",
    }
    print(f"{count} runs of {study} written to {out}; look at them with: {looks[to]}")
