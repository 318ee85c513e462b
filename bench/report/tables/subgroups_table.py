"""The score of every arm in subgroups of the test people: by sex, band of age, site and other declared covariates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench import evaluation
from bench.evaluation.stratified_score import StratifiedScore, strata_differ, stratified_score
from bench.report.tables import captions
from bench.report.tables.number_format import between, decimals, number, probability
from bench.report.tables.results import DatasetResults
from bench.report.tables.scan_covariates import ScanCovariate, labelled_passes, scan_covariates, variance_factor
from bench.report.tables.score_interval import judge
from bench.report.tables.table import TableBody, metric_column
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

COLUMNS = (
    "data", "data_kind", "arm", "covariate", "stratum", "people", "score", "low", "high", "p_differ", "p_differ_holm",
)  # fmt: skip


def subgroups(section: DatasetResults) -> pd.DataFrame:
    """A row for each arm and each stratum of a covariate that a few people or more share.

    p_differ: of equal scores in all strata of the covariate; p_differ_holm: corrected over arms and covariates.
    """
    covariates = scan_covariates(section)
    rows = [row for arm in section.arms for covariate in covariates for row in _rows(section, arm, covariate)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    tests = frame.drop_duplicates(["arm", "covariate"])
    tests = tests[tests["p_differ"].notna()]
    tested = zip(tests["arm"], tests["covariate"], strict=True)
    corrected = dict(zip(tested, evaluation.holm(tests["p_differ"].to_numpy()), strict=True))
    pairs = zip(frame["arm"], frame["covariate"], strict=True)
    return frame.assign(p_differ_holm=np.array([corrected.get(pair, np.nan) for pair in pairs], dtype=float))


def _rows(section: DatasetResults, arm: str, covariate: ScanCovariate) -> list[dict[str, object]]:
    scores = [_in_stratum(section, arm, covariate, number) for number in range(len(covariate.titles))]
    if not any(each.people for each in scores):
        return []
    place = {"data": section.name, "data_kind": section.kind, "arm": arm, "covariate": covariate.name}
    differ = strata_differ(scores)
    return [
        place
        | {"stratum": title, "people": each.people, "score": each.score, "low": each.low, "high": each.high}
        | {"p_differ": differ}
        for title, each in zip(covariate.titles, scores, strict=True)
    ]


def _in_stratum(section: DatasetResults, arm: str, covariate: ScanCovariate, number: int) -> StratifiedScore:
    only = {identity: 0 for identity, label in covariate.strata.items() if label == number}
    return stratified_score(judge(section), labelled_passes(section, arm, only), variance_factor(section))


def subgroups_body(found: SectionTables) -> TableBody:
    """The formatted table."""
    section, frame = found.section, found.frame("subgroups")
    digits = decimals(section.metric)
    score = metric_column(section, section.metric)
    columns = ("Arm", "Covariate", "Stratum", "People", score, "95 %", "p, strata differ")
    rows = tuple(
        (
            *(entry[name] for name in ("arm", "covariate", "stratum")),
            *(str(entry["people"]), number(entry["score"], digits), between(entry["low"], entry["high"], digits)),
            probability(entry["p_differ_holm"]),
        )
        for entry in frame.to_dict("records")
    )
    return TableBody(columns, rows, _caption(section, frame), words=(0, 1, 2))


def _caption(section: DatasetResults, frame: pd.DataFrame) -> str:
    tests = len(frame.drop_duplicates(["arm", "covariate"])) if len(frame) else 0
    ranked = (
        " Scans are compared with scans of their own stratum and fold only, and folds count by the pairs that they"
        " compare."
        if section.metric.ranks
        else ""
    )
    return (
        f"{captions.data(section)} The same predictions as in the table of scores, for some of the test people; numbers"
        f" are divided into three bands.{ranked} Brackets: 95 % interval over people for these trained models, not"
        " corrected for the number of rows: of twenty, one misses its true score on average. p: all strata of"
        f" a covariate have the same score (Cochran's Q), after Holm's correction over the {tests} tests of the table."
        " Strata that fewer than five people share are left out."
    )


TABLE = TableSpec(
    "subgroups",
    "Scores in subgroups",
    order=750,
    frame=lambda found: subgroups(found.section),
    layout=subgroups_body,
    csv="subgroups",
    about="the score of every arm in strata of sex, age, site and other declared covariates",
)
