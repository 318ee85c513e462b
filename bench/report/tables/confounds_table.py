"""What is left of the score of every arm where people are compared with people who are alike in covariates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench import evaluation
from bench.evaluation.confounder_test import PERMUTATIONS
from bench.evaluation.covariate_strata import BANDS, CALIPER, crossed_strata, matched_people, number_bands
from bench.evaluation.stratified_score import change_p, plain_score, score_change, stratified_score
from bench.report.tables import captions
from bench.report.tables.confounder_rows import ConfounderTests
from bench.report.tables.number_format import between, decimals, listed, number, probability, signed
from bench.report.tables.results import DatasetResults
from bench.report.tables.scan_covariates import ScanCovariate, labelled_passes, scan_covariates, variance_factor
from bench.report.tables.score_interval import judge
from bench.report.tables.table import TableBody, metric_column
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

TESTS = ("p", "p_partial", "p_full")
MATCHED = ("classification", "regression")  # kinds of task
COLUMNS = (
    "data", "data_kind", "arm", "control", "people", "score", "low", "high",
    "controlled", "controlled_low", "controlled_high", "change", "change_low", "change_high", "p",
    "partial_shared", "partial_expected", "p_partial", "full_shared", "full_expected", "p_full",
)  # fmt: skip


@dataclass(frozen=True)
class Control:
    """A way to compare people who are alike. strata: id of a scan -> stratum, inside which scans are compared."""

    title: str
    strata: Mapping[str, int]
    covariate: ScanCovariate | None = None  # if it is one covariate alone


def confounds(section: DatasetResults) -> pd.DataFrame:
    """A row for each arm and control: the score, that inside strata or on matched people, and the change.

    p: of no change; p_partial, p_full: the confounder tests of one covariate. Columns with `_holm` are corrected over
    the rows of the table.
    """
    controls = _controls(section)
    tests = ConfounderTests(section)
    rows = [row for arm in section.arms for control in controls if (row := _row(section, arm, control, tests))]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(**{f"{name}_holm": evaluation.holm(frame[name].to_numpy(dtype=float)) for name in TESTS})


def _controls(section: DatasetResults) -> list[Control]:
    covariates = scan_covariates(section)
    controls = [Control(f"within {each.name}", each.strata, each) for each in covariates]
    ids = sorted(covariates[0].values) if covariates else []
    if len(covariates) > 1:
        labels = [np.array([each.strata.get(i, -1) for i in ids]) for each in covariates]
        crossed = {i: int(label) for i, label in zip(ids, crossed_strata(labels), strict=True) if label >= 0}
        controls.append(Control(f"within {listed([each.name for each in covariates])}", crossed))
    if covariates and section.task.kind in MATCHED:
        controls += _matched(section, covariates, ids)
    return controls


def _matched(section: DatasetResults, covariates: Sequence[ScanCovariate], ids: Sequence[str]) -> list[Control]:
    """The control of matched people: as many of each class, or of each band of a number that is predicted.

    A person's first scan stands for the person.
    """
    targets = _targets(section)
    groups = covariates[0].groups
    first = list({groups[i]: i for i in reversed(ids) if i in targets}.values())
    texts = [np.array([each.strata.get(i, -1) for i in first]) for each in covariates if not each.numeric]
    exact = crossed_strata(texts) if texts else np.zeros(len(first), dtype=int)
    numbers = [[_number(each.values[i]) for i in first] for each in covariates if each.numeric]
    kinds = np.array([targets[i] for i in first])
    kinds = kinds if section.task.kind == "classification" else number_bands(kinds)[0]
    chosen = matched_people(kinds, exact, np.array(numbers, dtype=float).reshape(len(numbers), len(first)).T)
    if not chosen.any():
        return []
    people = {groups[i] for i, kept in zip(first, chosen, strict=True) if kept}
    title = f"matched on {listed([each.name for each in covariates])}"
    return [Control(title, {i: 0 for i in ids if groups[i] in people})]


def _number(value: object) -> float:
    return math.nan if value is None else float(value)


def _targets(section: DatasetResults) -> dict[str, float]:
    """Id of a scan -> its class or number."""
    found: dict[str, float] = {}
    for run in (run for run in section.runs if run.done and run.cell.role == "arm"):
        kept = section.predictions(run)
        if "y" in kept:
            found |= dict(zip(map(str, kept["ids"]), map(float, kept["y"]), strict=True))
    return found


def _row(section: DatasetResults, arm: str, control: Control, tests: ConfounderTests) -> dict[str, object] | None:
    passes, metric, more = labelled_passes(section, arm, control.strata), judge(section), variance_factor(section)
    before, after = plain_score(metric, passes, more), stratified_score(metric, passes, more)
    if math.isnan(before.score):
        return None
    change = score_change(before, after)
    row = {"data": section.name, "data_kind": section.kind, "arm": arm, "control": control.title}
    row |= {"people": after.people, "score": before.score, "low": before.low, "high": before.high}
    row |= {"controlled": after.score, "controlled_low": after.low, "controlled_high": after.high}
    row |= {"change": change.score, "change_low": change.low, "change_high": change.high, "p": change_p(change)}
    if control.covariate is not None:
        for name, found in zip(("partial", "full"), tests.of(arm, control.covariate), strict=True):
            row |= {f"{name}_shared": found.shared, f"{name}_expected": found.expected, f"p_{name}": found.p}
    return row


def confounds_body(found: SectionTables) -> TableBody:
    """The formatted table."""
    section, frame = found.section, found.frame("confounds")
    digits = decimals(section.metric)
    columns = (
        "Arm", "Control", "People", metric_column(section, section.metric), "Controlled", "95 %", "Change", "95 %",
        "p", "p, partial", "p, full",
    )  # fmt: skip
    rows = tuple(
        (
            entry["arm"],
            entry["control"],
            str(entry["people"]),
            number(entry["score"], digits),
            number(entry["controlled"], digits),
            between(entry["controlled_low"], entry["controlled_high"], digits),
            signed(entry["change"], digits),
            between(entry["change_low"], entry["change_high"], digits),
            *(probability(entry[f"{name}_holm"]) for name in TESTS),
        )
        for entry in frame.to_dict("records")
    )
    return TableBody(columns, rows, _caption(section, frame), words=(0, 1))


def _caption(section: DatasetResults, frame: pd.DataFrame) -> str:
    counts = {name: int(frame[name].notna().sum()) for name in TESTS}
    ranked = " and fold" if section.metric.ranks else ""
    kind = "class" if section.task.kind == "classification" else f"of {BANDS} bands of the target"
    matched = (
        f" Matched: as many people of each {kind}, equal in texts and within {CALIPER:g} standard deviations in"
        " numbers, chosen once from covariates and targets, the same for all arms."
        if any(frame["control"].str.startswith("matched"))
        else ""
    )
    return (
        f"{captions.data(section)} The first score is that of all test people. Controlled: people are compared with"
        f" people of their own stratum{ranked} only; numbers make {BANDS} bands.{matched} A score that falls to chance"
        " inside strata came from the covariate. Brackets: 95 % intervals over people for these trained models, not"
        f" corrected. p: no change. Partial: predictions depend on the covariate beyond the class or number (a small p"
        " shows a bias); full: they depend on the class or number beyond the covariate (a large p: the covariate alone"
        f" may explain them); both by {PERMUTATIONS} conditional permutations over people. All p after Holm's"
        f" correction over the tests of their column ({', '.join(str(counts[name]) for name in TESTS)})."
    )


TABLE = TableSpec(
    "confounds",
    "Scores among people who are alike",
    order=760,
    frame=lambda found: confounds(found.section),
    layout=confounds_body,
    csv="confounds",
    about="the score of every arm inside strata of covariates and on matched people, with confounder tests",
)
