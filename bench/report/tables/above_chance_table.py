"""Which arms score better than chance and than a floor that looks at no scan."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench import evaluation
from bench.report.tables import captions
from bench.report.tables.declared_tests import ALPHA, contrast_row, no_fold
from bench.report.tables.number_format import decimals, probability, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

COLUMNS = (
    "data",
    "data_kind",
    "arm",
    "against",
    "improvement",
    "by_chance",
    "test",
    "p",
    "p_holm",
    "folds",
    "folds_planned",
    "verdict",
)
LEARNT, UNSURE, NOTHING_LEARNT = "learnt", "not shown to have learnt", "not learnt"
UNTESTED = "not tested"
PERMUTED, DRAWN, CONTRAST = "permutation of people", "permutation of people, estimated", "contrast"


def learning(section: DatasetResults) -> pd.DataFrame:
    """A row for every arm except floors, against the floor that sees no scan; empty if the study has none.

    The test compares the score with that of the same predictions assigned to other people
    (`bench.evaluation.skill_test`), with Holm's correction over the rows. If that is unknown (masks, scores that are
    not sums, predictions that were not saved) it is tested like a contrast. by_chance: the improvement that chance
    exceeds in 2.5 %. not learnt: not better than the floor by the mean, which needs no test. not shown to have learnt:
    better by the mean, but within chance.
    """
    blind = next((arm for arm in section.plan.blind if arm in section.arms), None)
    if blind is None:
        return pd.DataFrame(columns=COLUMNS)
    floors = section.plan.floors
    rows = [_tested(section, arm, blind) for arm in section.arms if arm not in floors and arm != blind]
    tests = evaluation.holm(np.array([1.0 if math.isnan(each["p"]) else each["p"] for each in rows])) if rows else []
    judged = [
        {**each, "p_holm": p, "verdict": _verdict({**each, "p_holm": p})} for each, p in zip(rows, tests, strict=True)
    ]
    return pd.DataFrame([{name: each[name] for name in COLUMNS} for each in judged], columns=COLUMNS)


def _tested(section: DatasetResults, arm: str, blind: str) -> dict[str, Any]:
    found = contrast_row(section, arm, blind)
    cells = evaluation.paired(section.scores(arm), section.scores(blind)).cells
    scores = evaluation.average_seeds(section.scores(arm))
    known = [_luck(section, arm, cell) for cell in cells] if len(cells) > 1 else []
    if known and not any(math.isnan(each.variance) for each in known):
        correlation = 1.0 if section.external else section.correlation
        score = float(np.mean([scores[cell] for cell in cells]))
        test = evaluation.skill_test(score, known, min(section.folds, len(known)), correlation)
        by_chance = found["improvement"] - section.sign * (score - test.expected) + evaluation.REACH * test.se
        name = PERMUTED if all(each.exact for each in known) else DRAWN
        return {**found, "by_chance": by_chance, "test": name, "p": test.p}
    reach = max(found["high"] - found["improvement"], found["improvement"] - found["low"])  # one side may be cut off
    return {**found, "by_chance": reach, "test": CONTRAST if len(cells) > 1 else ""}


def _luck(section: DatasetResults, arm: str, cell: tuple[int, int]) -> evaluation.ChanceDistribution:
    """Of the runs of all seeds that have a score; NaN if they saved no predictions, or not for the same scans."""
    runs = [run for run in section.of(arm) if run.place[:2] == cell]
    kept = [section.predictions(run) for run in runs if not math.isnan(run.score(section.task.primary))]
    first, *others = kept
    if any("selected" not in each or not np.isfinite(each["selected"]).all() for each in kept) or any(
        not np.array_equal(each["ids"], first["ids"]) for each in others
    ):
        return evaluation.ChanceDistribution(math.nan, math.nan)
    fold = first["y"], first["selected"], first["groups"]
    return evaluation.chance_distribution(section.metric, fold, [each["selected"] for each in others])


def _verdict(entry: Mapping[str, Any]) -> str:
    if not entry["folds"]:
        return f"{UNTESTED}: {no_fold(entry)}"
    if entry["improvement"] <= 0:
        return NOTHING_LEARNT
    if math.isnan(entry["p"]):
        return f"{UNTESTED}: {entry['reason']}"
    words = LEARNT if entry["p_holm"] < ALPHA and entry["improvement"] > entry["by_chance"] else UNSURE
    return words if entry["complete"] else f"{words}; not final, {entry['folds']} of {entry['folds_planned']} folds"


def learning_body(found: SectionTables) -> TableBody:
    """The formatted table of the tests against chance."""
    section, frame = found.section, found.learning
    digits = decimals(section.metric)
    columns = ("Arm", "Against", "Improvement", "Chance up to", "p", "Holm p", "Folds", "Verdict")
    rows = tuple(
        (
            entry["arm"],
            entry["against"],
            signed(entry["improvement"], digits),
            signed(entry["by_chance"], digits),
            *(probability(entry[name]) for name in ("p", "p_holm")),
            str(entry["folds"]),
            entry["verdict"],
        )
        for entry in frame.to_dict("records")
    )
    return TableBody(columns, rows, _caption(section, {*frame["test"]}), (), (0, 1, 7))


def _caption(section: DatasetResults, tests: Collection[str]) -> str:
    known = (
        "Tested by whether its answers know the people: the score against that of the same answers given to others, by"
        " mean and variance over all permutations of the people of each fold, allowing for what the folds' models have"
        " in common. Chance up to: the improvement that answers without such knowledge exceed in 2.5 %. "
    )
    drawn = (
        "Of an AUC of people with different numbers of scans, and of more than 1,500 scans, mean and variance are"
        " estimated, from drawn permutations or from a part of the people. "
    )
    spread = (
        f"Tested over {captions.over(section)} as a contrast is, as what chance gives is not known of this score."
        " Chance up to: half of the 95 % interval of the difference. "
    )
    tested = (known if {PERMUTED, DRAWN} & {*tests} else "") + (drawn if DRAWN in tests else "")
    words = (
        f"Against a floor that looks at no scan. {tested}{spread if CONTRAST in tests else ''}"
        "Holm: over the rows of this table. Not learnt: no better by the mean."
        " Not shown to have learnt: better, by no more than chance can do. On phantoms of effect 0 nothing should have"
        " learnt."
    )
    return " ".join((captions.data(section), words, captions.selection(section), captions.design(section)))


TABLE = TableSpec(
    "learning",
    "Learnt or not",
    order=500,
    frame=lambda found: learning(found.section),
    layout=learning_body,
)
