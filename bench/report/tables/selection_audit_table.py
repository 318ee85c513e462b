"""The scores with other ways to choose the evaluation point: columns of the scores, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.tables import captions
from bench.report.tables.number_format import between, decimals, number, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody, arm_cell, incomplete_notes, score_cell
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables


def selection_audit_body(found: SectionTables) -> TableBody:
    """The score of every arm by the way that the evaluation point is chosen."""
    section, frame = found.section, found.scores
    digits = decimals(section.metric)
    third, words = ("best_of_last", "Best of last, on test") if _former(section) else ("last_five", "Of the last five")
    names = ("validation", "last", third, "best_of_all")
    columns = (
        "Arm", "Selected (result)", "Chosen at, %", "On validation", "Last point", words, "Best of all, on test",
        "Flattery", "95 %",
    )  # fmt: skip
    rows = tuple(
        (
            arm_cell(entry),
            score_cell(entry, digits),
            number(100 * entry["chosen_at"], 0),
            *(number(entry[name], digits) for name in names),
            signed(entry["flattery"], digits),
            between(entry["flattery_low"], entry["flattery_high"], digits),
        )
        for entry in frame.to_dict("records")
    )
    return TableBody(columns, rows, _caption(section), incomplete_notes(frame))


def _caption(section: DatasetResults) -> str:
    return " ".join(
        (
            captions.data(section),
            f"{section.metric.title} on the test part by how the evaluation point is chosen, means over folds. Only "
            "the first is a result. Chosen at: the mean share of the steps done at that point; what a curriculum does "
            f"later has no part in the result. {_of_the_last_five(section)}Flattery: what the best of all points on "
            f"test adds to the result, which nobody would get on new people; {_brackets(section)} It is never ranked.",
            captions.selection(section),
            captions.design(section),
        )
    )


def _former(section: DatasetResults) -> bool:
    """Whether validation chose among the last points alone, as by protocol 1."""
    return captions.candidates(section) < section.plan.recipe.points


def _of_the_last_five(section: DatasetResults) -> str:
    if _former(section):
        return ""
    return "Of the last five: the score by the rule of protocol 1, the best of the last five points on validation. "


def _brackets(section: DatasetResults) -> str:
    if section.external:
        return "without an interval, as all folds are tested on the same people."
    return "brackets: 95 % interval over folds and partitions, with the correction of Nadeau and Bengio."


TABLE = TableSpec("audit", "Audit of the selection", order=1100, layout=selection_audit_body)
