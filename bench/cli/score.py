"""`bench score`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import (
    FOLDS,
    PARTITIONS,
    FoldCount,
    PartitionCount,
    Settings,
    check_no_own_folds,
    settings,
    writable_folder,
)
from bench.core import BenchError, paths

SOURCE = typer.Argument(help="A table of predictions (CSV or TSV), a folder of label maps, or a table of case scores.")
DATA = typer.Option("--data", "-d", help="The prepared data set, as for `bench folds`.")
STUDY = typer.Option("--study", "-s", help="A study that was run here: the predictions stand beside its arms.")
TRAINED = typer.Option("--trained", help="folds: on the folds of `bench folds`; elsewhere: on other data, or unknown.")
SELECTION = typer.Option("--selection", help="How the model was selected, for the report. Default: unknown.")
METRIC = typer.Option("--metric", help="Without --data: the column of the scores.")
REFERENCE = typer.Option("--reference", help="Without --data: the method that the others are compared with.")
OUT = typer.Option("--out", "-o", help="Without --data: folder to write to. Default: cases-NAME in the results.")
AS = typer.Option("--as", help="Name of the study that results. Default: score-NAME, or STUDY-and-NAME.")


def score(
    source: Annotated[Path, SOURCE],
    data: Annotated[str, DATA] = "",
    name: Annotated[str, typer.Option("--name", help="Name of the method. Default: that of the file.")] = "",
    trained: Annotated[str, TRAINED] = "folds",
    selection: Annotated[str, SELECTION] = "",
    study: Annotated[str, STUDY] = "",
    new: Annotated[str, AS] = "",
    number: FoldCount = FOLDS,
    partitions: PartitionCount = PARTITIONS,
    metric: Annotated[str, METRIC] = "",
    reference: Annotated[str, REFERENCE] = "",
    out: Annotated[Path | None, OUT] = None,
    set_: Settings = None,
) -> None:
    """Score predictions that another program made, in the tables, tests and figures of trained methods.

    The report marks them as not trained here, and says what is not known of them. Without --data, a table with the
    columns case, method and a score gives means and paired differences over cases.
    """
    from bench.experiments.outside.outside_records import Declaration
    from bench.experiments.outside.score_predictions import ScoreRequest, score_predictions

    source = paths.expand(source)
    name = name or source.name.partition(".")[0]
    if not data:
        return _score_cases(source, metric, reference, out or paths.results_root() / f"cases-{name}")
    if metric or reference or out:
        raise BenchError("--metric, --reference and --out are for a table of case scores; leave them out with --data")
    check_no_own_folds(study, set_, number, partitions)
    declared = Declaration(name, trained, selection)
    sizes = {"folds": number, "partitions": partitions}
    command = shlex.join(["bench", *sys.argv[1:]])
    request = ScoreRequest(source, data, declared, settings(set_), study, new, **sizes, command=command)
    return print(score_predictions(request, paths.results_root()))


def _score_cases(source: Path, metric: str, reference: str, out: Path) -> None:
    from bench.report.case_scores import read_case_scores, write_case_report

    folder = writable_folder(out)
    page = write_case_report(read_case_scores(source, metric), reference, folder)
    print(page.read_text("utf-8"))
    print(f"written to {page}")


COMMAND = score
PANEL = "Results"
