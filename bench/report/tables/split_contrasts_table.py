"""One split of a data set against another: each arm under the first against itself under the second.

Where both splits test the same scans in every fold, as with a part of the training people and with all of them, it is
the test of contrasts. Otherwise the two means are compared over people (`bench.evaluation.split_comparison`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import evaluation
from bench.core import task_kind
from bench.evaluation.bootstrap import inflation
from bench.evaluation.person_test import PeopleTest
from bench.evaluation.shared_training import repeated_sharing
from bench.evaluation.split_comparison import BORROWED, OWN, SplitScores, SplitTest, split_test
from bench.report.tables import captions
from bench.report.tables.contrasts_table import adjusted
from bench.report.tables.declared_tests import Differences, detectable_cell, difference_test, fold_sizes, verdict_cell
from bench.report.tables.effects_table import differences
from bench.report.tables.external_test import VarianceTerm
from bench.report.tables.metric_range import difference_bounds, interval_cell
from bench.report.tables.number_format import NOTHING, decimals, number, probability, signed
from bench.report.tables.person_differences import NOT_SAVED, fold_differences
from bench.report.tables.results import DatasetResults, Results
from bench.report.tables.table import TableBody
from bench.report.tables.table_spec import TableSpec

if TYPE_CHECKING:
    from bench.report.tables.dataset_tables import SectionTables

SPLIT = "split"  # what `effect` is in the rows of this table
PAIRED = "the folds, which test the same scans"


def split_contrasts(results: Results) -> pd.DataFrame:
    """A row for every declared pair of splits and every arm that reads scans, not yet corrected for their number."""
    return pd.DataFrame(list(_rows(results)))


def _rows(results: Results) -> Iterator[dict[str, Any]]:
    sections = {section.name: section for section in results.sections}
    for pair in results.plan.split_contrasts:
        first, second = (sections[label] for label in pair)
        for arm in first.arms:
            if arm in second.arms and arm not in results.plan.blind:
                yield split_row(first, second, arm)


def split_row(first: DatasetResults, second: DatasetResults, arm: str) -> dict[str, Any]:
    """An arm under the first split against itself under the second, without the correction over all tests."""
    scores = [section.sign * evaluation.fold_mean(section.scores(arm)) for section in (first, second)]
    row = {
        "data": first.name,
        "data_kind": first.kind,
        "arm": arm,
        "against": f"{arm} on {second.name}",
        "primary": first.plan.is_primary(first.name, second.name),
        "effect": SPLIT,
        "over": second.name,
        "score": first.sign * scores[0],
        "score_over": first.sign * scores[1],
    }
    return {**row, **(_paired(first, second, arm) or _unpaired(first, second, arm))}


def _paired(first: DatasetResults, second: DatasetResults, arm: str) -> dict[str, Any] | None:
    """The test of contrasts where both splits test the same scans in every fold; else None."""
    ours, theirs = first.scores(arm), second.scores(arm)
    pair = evaluation.paired(ours, theirs)
    terms = VarianceTerm(first, arm, "arm", 1.0), VarianceTerm(second, arm, "arm", -1.0)
    found = Differences(pair.differences, pair.cells, pair.missing, frozenset((*ours, *theirs)), terms)
    if (first.folds, first.partitions) != (second.folds, second.partitions) or len(found.cells) < 2:
        return None
    if not fold_differences(first, found):
        return None
    wider = max(first, second, key=lambda section: section.correlation)
    row = difference_test(wider, found, arm)
    return {**row, "people_shared": row["people"], "training_from": PAIRED}


def _unpaired(first: DatasetResults, second: DatasetResults, arm: str) -> dict[str, Any]:
    each = [differences(section, {arm: 1.0}) for section in (first, second)]
    found = _tested(first, second, arm, each)
    low, high = difference_bounds(first.metric, found.low, found.high)
    margin = first.plan.margin
    undefined = [one.undefined for one in each]
    missing = sum(len(set(one.missing) - lacking) for one, lacking in zip(each, undefined, strict=True))
    planned = sum(len({cell[:2] for cell in one.planned}) for one in each)
    without = [{c[:2] for c in lacking} - set(one.cells) for one, lacking in zip(each, undefined, strict=True)]
    return {
        "metric": first.task.primary,
        "better": first.metric.better,
        "difference": first.sign * found.mean,
        "improvement": found.mean,
        "low": low,
        "high": high,
        **{name: getattr(found, name) for name in ("se", "se_people", "se_training", "people", "df", "t", "p")},
        "margin": math.nan if margin is None else margin,
        "p_equivalence": evaluation.equivalence(found, margin),
        "p_folds": math.nan,
        "folds": sum(len(one.cells) for one in each) if all(len(one.cells) for one in each) else 0,
        "folds_planned": planned,
        "folds_undefined": sum(map(len, without)),
        "missing_runs": missing,
        "complete": not missing and all(len(one.cells) for one in each),
        "reason": found.reason,
        "people_shared": found.shared,
        "training_from": found.training_from,
    }


def _tested(first: DatasetResults, second: DatasetResults, arm: str, each: list[Differences]) -> SplitTest:
    if not all(len(one.cells) for one in each):
        return _untested(math.nan, "no fold of one of the splits has a score")
    scores = [_scores(section, one, arm) for section, one in zip((first, second), each, strict=True)]
    if None in scores:
        means = [section.sign * float(one.values.mean()) for section, one in zip((first, second), each, strict=True)]
        return _untested(means[0] - means[1], NOT_SAVED)
    return split_test(*scores)


def _untested(mean: float, reason: str) -> SplitTest:
    return SplitTest(**vars(PeopleTest(mean, *(math.nan,) * 8, 0, reason=reason)))


def _scores(section: DatasetResults, found: Differences, arm: str) -> SplitScores | None:
    """The scores of an arm under a split; None where predictions are missing."""
    folds = fold_differences(section, found)
    if folds is None:
        return None
    train, test = fold_sizes(section, arm, "arm", found.cells)
    single = len(set(found.cells)) == 1
    runs = [section.sign * score for score in section.scores(arm).values() if math.isfinite(score)]
    sharing = 1 + float(test[0] / train[0]) if single else inflation(section.folds, section.correlation)
    sharing = repeated_sharing(sharing, section.folds, len({partition for partition, _ in found.cells}))
    return SplitScores(folds, sharing, max(1, round(len(runs) / len(folds))), runs if single else ())


def splits_body(found: SectionTables) -> TableBody:
    """The formatted table of the contrasts of splits whose first split is this one."""
    section, frame = found.section, found.splits
    digits = decimals(section.metric)
    columns = ("Arm", "Over", "Score", "Score over", "Improvement", "95 %", "p", "Holm p", "Detectable")
    columns += ("People", "Under both", "Training noise", "Verdict")
    rows = []
    for entry in frame.to_dict("records"):
        sizes = number(entry["score"], digits), number(entry["score_over"], digits)
        sizes += signed(entry["improvement"], digits), interval_cell(section, entry)
        tests = probability(entry["p"]), adjusted(entry), detectable_cell(section, entry)
        people = str(entry["people"]), str(entry["people_shared"])
        words = entry["training_from"] or NOTHING, verdict_cell(section, entry)
        rows.append((entry["arm"], entry["over"], *sizes, *tests, *people, *words))
    return TableBody(columns, tuple(rows), _caption(found), (), (0, 1, 11, 12))


def _caption(found: SectionTables) -> str:
    section, frame = found.section, found.splits
    if not len(frame):
        return captions.data(section)
    one, many = task_kind(section.task.kind).counted
    words = [
        captions.data(section),
        f"Each arm under {section.name} against itself under {', '.join(dict.fromkeys(frame['over']))}: the improvement"
        f" in {section.metric.title} is positive where it scores better under {section.name}.",
        f"Tested over {many}: the variance of what each {one} contributes to the two scores, less that in common of the"
        f" {many} who are tested under both, with the allowance of each split for its training parts, plus the variance"
        " of training; t with the degrees of freedom of Welch and Satterthwaite. Brackets: 95 %, before the"
        " correction.",
        captions.correction(frame, section, beside=False),
        _training_words(frame),
        "Splits differ in more than what they leak, as in the people of their test parts.",
        captions.selection(section),
        captions.design(section),
    ]
    return " ".join(word for word in words if word)


def _training_words(frame: pd.DataFrame) -> str:
    """What is known of the noise of training where a split has one fold."""
    words = "Training noise: how the variance of training was estimated."
    if set(frame["training_from"]) <= {OWN, PAIRED, ""}:
        return words
    words += " A split of one fold does not show it: it is taken to be that of the other split, or of its seeds."
    if BORROWED in set(frame["training_from"]):
        words += (
            " For a single training it counts a quarter of its degrees of freedom, as one that failed can look like a"
            " difference of splits: several seeds would tell."
        )
    return words


TABLE = TableSpec(
    "splits",
    "One split against another",
    order=250,
    tests=split_contrasts,
    layout=splits_body,
    csv="splits",
    about="one split of a data set against another",
)
