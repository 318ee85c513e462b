"""`bench stress`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bench.cli.options import Arms, Json, StudyName, print_json


def stress(
    study: StudyName,
    arm: Arms = None,
    corruption: Annotated[
        list[str] | None,
        typer.Option("--corruption", "-c", help="Only this corruption. May be repeated. A wrong name lists them all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Test the trained networks of a study on corrupted scans: artefacts at five strengths. Trains nothing.

    Needs weights (`bench run --keep-weights`). An interrupted test is resumed. Exit status 1 if some runs have no
    weights. Scores, curves and a figure are written to stress/ in the study's results; the report shows them.
    """
    from bench.analysis.robustness import robustness_run
    from bench.analysis.robustness.corruptions import CORRUPTIONS, find_corruption
    from bench.core import paths
    from bench.experiments import plan
    from bench.experiments.progress_bars import PreparationProgressBar
    from bench.storage.record_store import Store
    from bench.storage.robustness_cache import folder_of

    chosen = [find_corruption(name).name for name in corruption or CORRUPTIONS]
    root = paths.results_root()
    folder = folder_of(root, study)
    job = robustness_run.plan_robustness(plan.read(study), Store(root), folder, arm or [], chosen)
    with PreparationProgressBar(
        Console(stderr=as_json), f"{study}: {len(job.cells)} networks, {len(chosen)} corruptions"
    ) as progress:
        robustness_run.run_robustness(job, progress)
    _finish(study, job.lacking, as_json)


def _finish(study: str, lacking: dict[str, int], as_json: bool) -> None:
    from bench.analysis.robustness.save import save_robustness
    from bench.core import paths

    parts = save_robustness(study, paths.results_root())
    drops = [row for one in parts for row in one.drops.to_dict("records")]
    folder = str(paths.results_root() / study / "stress")
    if as_json:
        print_json({"study": study, "drops": drops, "lacking": lacking, "folder": folder})
    else:
        _show(drops, lacking, folder, Console())
    raise typer.Exit(1 if lacking else 0)


def _show(drops: Sequence[dict[str, Any]], lacking: dict[str, int], folder: str, console: Console) -> None:
    from bench.evaluation import metrics
    from bench.report.tables.number_format import between, decimals, number, signed

    table = Table(
        "data", Column("arm", overflow="fold"), "folds", "clean", "corrupted", "loss", "95 %",
        Column("worst", overflow="fold"), box=None, pad_edge=False,
    )  # fmt: skip
    for row in drops:
        digits = decimals(metrics.metric(row["metric"]))
        table.add_row(
            escape(row["data"]), escape(row["arm"]), f"{row['folds']}/{row['folds_planned']}",
            number(row["clean"], digits), number(row["disturbed"], digits), signed(row["drop"], digits),
            escape(between(row["low"], row["high"], digits)), row["worst"],
        )  # fmt: skip
    console.print(table)
    for label, count in lacking.items():
        console.print(f"{label}: {count} runs have no saved weights and were not tested", markup=False, highlight=False)
    console.print(f"scores, curves and figures: {folder}", markup=False, highlight=False, soft_wrap=True)


COMMAND = stress
PANEL = "Results"
