"""`bench modalities`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bench.cli.options import Arms, Json, StudyName, print_json

if TYPE_CHECKING:
    from bench.analysis.modality_analysis import ModalityResult


def modalities(study: StudyName, arm: Arms = None, as_json: Json = False) -> None:
    """Show which contrast of a scan tells what the others do not: how hard each is to generate from each other one.

    For studies whose task is translation. Reads the records, trains nothing and needs no weights. Scores are written to
    modalities/ in the study's results, with maps of what could not be generated as NIfTI files.
    """
    from bench.analysis.modality_analysis import FOLDER, analyse_modalities
    from bench.core import paths

    root = paths.results_root()
    found = analyse_modalities(study, root, arm or [])
    folder = str(root / study / FOLDER)
    if as_json:
        print_json({"study": study, "results": [_entry(one) for one in found], "folder": folder})
    else:
        _show(found, folder, Console())


def _entry(one: ModalityResult) -> dict[str, Any]:
    """JSON of one arm."""
    importance, pairs = (each.to_dict("records") for each in (one.importance, one.pairs))
    return {"data": one.data, "arm": one.arm, "folds": one.folds, "importance": importance, "pairs": pairs}


def _show(found: Sequence[ModalityResult], folder: str, console: Console) -> None:
    from bench.report.tables.number_format import between, number, signed

    table = Table(
        "data", Column("arm", overflow="fold"), "contrast", "C_d", "95 %", "first in", "C_t", "finds the label",
        box=None, pad_edge=False,
    )  # fmt: skip
    for one in found:
        for row in one.importance.sort_values("differentiation", ascending=False).to_dict("records"):
            table.add_row(
                escape(one.data), escape(one.arm), escape(row["contrast"]), signed(row["differentiation"], 2),
                escape(between(row["low"], row["high"], 2)), f"{row['first_in']}/{row['folds']}",
                signed(row["totipotency"], 2), number(row["finds_label"], 2),
            )  # fmt: skip
    console.print(table)
    console.print(
        "C_d, differentiation score: high for a contrast that is hard to generate from the others (first in: number of "
        "folds in which it is the highest). C_t: high for one that the others are generated from. The interval is "
        "over people. finds the label: area under the ROC curve of the error as a detector of the label map, 0.5 by "
        "chance.",
        highlight=False,
    )
    console.print(f"scores and maps: {folder}", markup=False, highlight=False, soft_wrap=True)


COMMAND = modalities
PANEL = "Results"
