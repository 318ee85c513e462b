"""`bench probe`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bench.cli.options import Arms, Json, StudyName, print_json

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {"auc": "AUC", "balanced_accuracy": "accuracy", "correlation": "r"}


def probe(study: StudyName, arm: Arms = None, as_json: Json = False) -> None:
    """Predict site, sex, age and other declared covariates from the features of trained networks. Trains no network.

    Needs weights (`bench run --keep-weights`). A linear model is fitted on the features of some test people and asked
    about others, and compared with permuted values and an untrained network. If people were scanned at several sites,
    their features are compared over the sites. Tables and figures are written to probe/ in the study's results.
    """
    from bench.analysis.probe.probe_files import save_probes
    from bench.analysis.probe.probe_run import plan_probes, run_probes
    from bench.core import paths, plural
    from bench.experiments import plan
    from bench.experiments.progress_bars import PreparationProgressBar
    from bench.storage.record_store import Store

    root = paths.results_root()
    job = plan_probes(plan.read(study), Store(root), arm or [])
    with PreparationProgressBar(Console(stderr=as_json), f"{study}: {plural(len(job.cells), 'network')}") as progress:
        probes, agreements = run_probes(job, progress)
    folder = root / study / "probe"
    save_probes(folder, probes, agreements)
    if as_json:
        found = {"probes": _records(probes), "agreement": _records(agreements)}
        print_json({"study": study, **found, "skipped": job.skipped, "lacking": job.lacking, "folder": str(folder)})
    else:
        console = Console()
        _show_probes(probes, console)
        _show_agreements(agreements, console)
        for label, reason in job.skipped.items():
            console.print(f"{label}: not probed: {reason}", markup=False, highlight=False)
        for label, count in job.lacking.items():
            console.print(f"{label}: {count} runs have no saved weights", markup=False, highlight=False)
        console.print(f"tables and figures: {folder}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if job.lacking else 0)


def _records(frame: pd.DataFrame) -> list[dict]:
    return json.loads(frame.to_json(orient="records"))


def _show_probes(frame: pd.DataFrame, console: Console) -> None:
    from bench.report.tables.number_format import number, probability

    if not len(frame):
        console.print("no covariate has enough people in the test parts to be probed", highlight=False)
        return
    for data in dict.fromkeys(frame["data"]):
        console.print(data, markup=False, highlight=False)
        table = Table(
            Column("arm", overflow="fold"), "covariate", "measure", "trained", "untrained", "chance", "95th",
            "p (Holm)", box=None, pad_edge=False,
        )  # fmt: skip
        rows = frame[frame["data"] == data]
        for row in rows[rows["network"] == "trained"].to_dict("records"):
            other = rows[(rows["network"] == "untrained") & (rows["arm"] == row["arm"])]
            before = other[other["covariate"] == row["covariate"]]["score"]
            table.add_row(
                escape(row["arm"]), escape(row["covariate"]), MEASURES[row["measure"]], number(row["score"], 2),
                number(before.iloc[0] if len(before) else math.nan, 2), number(row["chance"], 2),
                number(row["chance_high"], 2), probability(row["p_holm"]),
            )  # fmt: skip
        console.print(table)


def _show_agreements(frame: pd.DataFrame, console: Console) -> None:
    from bench.report.tables.number_format import number

    if not len(frame):
        console.print("agreement over sites: too few people were scanned at several sites", highlight=False)
        return
    table = Table(
        "data", Column("arm", overflow="fold"), "network", "people", "ICC over sites", "same person nearest", "chance",
        box=None, pad_edge=False,
    )  # fmt: skip
    for row in frame.to_dict("records"):
        numbers = (number(row[name], 3) for name in ("icc", "same_person", "chance"))
        table.add_row(escape(row["data"]), escape(row["arm"]), row["network"], str(row["people"]), *numbers)
    console.print(table)


COMMAND = probe
PANEL = "Results"
