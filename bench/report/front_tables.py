"""The short tables of a page's front: who scored best, whether it has learnt anything, and what was decided.

The full tables, with every metric and test, are further down on the page and in the files.
"""

from __future__ import annotations

from bench.report.tables import SectionTables, Table
from bench.report.tables.above_chance_table import LEARNT, NOTHING_LEARNT, UNSURE
from bench.report.tables.contrasts_table import adjusted
from bench.report.tables.declared_tests import detectable_cell
from bench.report.tables.metric_range import interval_cell
from bench.report.tables.number_format import NOTHING, between, decimals, number, signed
from bench.report.tables.scores_order import best_first
from bench.report.tables.table import arm_cell, incomplete_notes, metric_column, runs_cell, score_cell

WORDS = {LEARNT: "yes", UNSURE: "not shown", NOTHING_LEARNT: "no"}


def front_scores(found: SectionTables) -> Table:
    """The arms from the best to the worst, with the oracle of a phantom above them."""
    section, digits = found.section, decimals(found.section.metric)
    learnt = learnt_cells(found)
    frame = best_first(found.scores, section.sign)
    columns = ("Arm", metric_column(section, section.metric), "95 %", *(("Learnt",) if learnt else ()))
    rows = []
    if section.data.oracle is not None:
        best = number(section.data.oracle, digits)
        rows.append(("best possible [oracle]", best, NOTHING, *((NOTHING,) if learnt else ())))
    for entry in frame.to_dict("records"):
        score = score_cell(entry, digits), between(entry["low"], entry["high"], digits)
        name = arm_cell(entry) + ("" if entry["complete"] else f" ({runs_cell(entry)} runs)")
        rows.append((name, *score, *((learnt.get(entry["arm"], NOTHING),) if learnt else ())))
    caption = "95 %: interval over people, for these trained models."
    if learnt:
        against = found.learning.iloc[0]["against"]
        caption += f" Learnt: better than {against} by more than chance, after Holm's correction."
    words = (0, 3) if learnt else (0,)
    return Table("front-scores", "Scores, best first", columns, tuple(rows), caption, incomplete_notes(frame), words)


def learnt_cells(found: SectionTables) -> dict[str, str]:
    """Arm -> whether it has learnt, in a word; empty without a floor that sees no scan."""
    frame = found.learning
    verdicts = zip(frame["arm"], frame["verdict"], strict=True) if len(frame) else ()
    return {arm: WORDS.get(verdict.partition(";")[0], "not tested") for arm, verdict in verdicts}


def front_contrasts(found: SectionTables) -> Table:
    """The declared contrasts, the verdict first. It has no rows if none is declared."""
    section, digits = found.section, decimals(found.section.metric)
    columns = ("Arm", "Against", "Verdict", "Improvement", "95 %", "Adjusted p", "Would be found above")
    rows = [
        (
            entry["arm"],
            entry["against"],
            entry["verdict"],
            signed(entry["improvement"], digits),
            interval_cell(section, entry),
            adjusted(entry),
            detectable_cell(section, entry),
        )
        for entry in found.contrasts.to_dict("records")
    ]
    caption = (
        "Improvement: positive where the arm is better. 95 %: before the correction. Adjusted p: after Holm's"
        " correction, or q for exploratory tests. Would be found above: this test finds a true difference of that size"
        " in 80 % of such studies."
    )
    return Table("front-contrasts", "Comparisons", columns, tuple(rows), caption, (), (0, 1, 2))
