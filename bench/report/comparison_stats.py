"""Two studies side by side, or one study made by two versions of the code: shared arms, and differences.

Arms with the same label are compared fold by fold with the test of contrasts, if both sides have the same data, split
and recipe; otherwise their scores are listed separately, and the field that differs is named. None of these differences
was declared in advance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import evaluation
from bench.core import BenchError, canonical, plain
from bench.report.report_manifest import splits
from bench.report.tables import DatasetResults, Results
from bench.report.tables.declared_tests import Differences, corrected, difference_test
from bench.report.tables.external_test import VarianceTerm

# of data, that folds and what is learnt depend on
FIELDS = ("params", "fingerprint", "external", "split", "fraction", "noise", "missing", "task")
NUMBERS = ("improvement", "low", "high", "p", "p_holm", "detectable")


@dataclass(frozen=True)
class Compared:
    """A data set that both sides have. apart: why their scores cannot be compared; empty if they can."""

    name: str
    sections: tuple[DatasetResults, DatasetResults]
    apart: tuple[str, ...]
    frame: pd.DataFrame  # a row for each arm of either side


def compare(first: Results, second: Results) -> list[Compared]:
    """Every shared data set. BenchError if there is none, or no arm is shared on any."""
    pairs = [(one, other) for one in first.sections for other in second.sections if one.name == other.name]
    if not any(set(one.arms) & set(other.arms) for one, other in pairs):
        sides = (f"{each.name} has {', '.join(_arms(each))}" for each in (first, second))
        raise BenchError(f"no arm on the same data is in both: {'; '.join(sides)}")
    apart = [tuple(differing(one, other)) for one, other in pairs]
    rows = [list(_rows(*pair, not why)) for pair, why in zip(pairs, apart, strict=True)]
    tests = pd.DataFrame([row for some in rows for row in some if "p" in row])
    (tests,) = corrected(tests)
    judged = {(row["data"], row["arm"]): row for row in tests.to_dict("records")} if len(tests) else {}
    return [
        Compared(pair[0].name, pair, why, _framed(some, judged))
        for pair, why, some in zip(pairs, apart, rows, strict=True)
    ]


def _arms(results: Results) -> list[str]:
    return [f"{arm} on {section.name}" for section in results.sections for arm in section.arms]


def differing(one: DatasetResults, other: DatasetResults) -> Iterator[str]:
    """The fields in which two sections differ so that they cannot be compared fold by fold."""
    for name in FIELDS:
        mine, its = getattr(one.data, name), getattr(other.data, name)
        if canonical(mine or None) != canonical(its or None):
            yield f"{'data fingerprint' if name == 'fingerprint' else f'data: {name}'} {_short(mine)} / {_short(its)}"
    for name, mine in plain(one.plan.recipe).items():
        if mine != (its := getattr(other.plan.recipe, name)):
            yield f"recipe: {name} {mine} / {its}"
    if one.folds != other.folds:
        yield f"folds {one.folds} / {other.folds}"
    drawn = [{(s["partition"], s["fold"]): s["test_sha256"] for s in splits(each)} for each in (one, other)]
    if any(drawn[0][place] != drawn[1][place] for place in drawn[0].keys() & drawn[1].keys()):
        yield "the people in the test parts"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value)


def _rows(one: DatasetResults, other: DatasetResults, comparable: bool) -> Iterator[dict[str, Any]]:
    for arm in dict.fromkeys((*one.arms, *other.arms)):
        sides = [_side(section, arm) for section in (one, other)]
        row = {"data": one.name, "data_kind": one.kind, "arm": arm, "metric": one.task.primary}
        for side, values in zip("ab", sides, strict=True):
            row |= {f"{name}_{side}": value for name, value in values.items()}
        row["differs"] = "; ".join(definitions(one, other, arm))
        if comparable and arm in one.arms and arm in other.arms and not _same(one, other, arm):
            row |= {"against": "", **_tested(one, other, arm)}
        elif arm in one.arms and arm in other.arms:
            row["verdict"] = "the same records" if comparable else "not compared: shown apart"
        else:
            row["verdict"] = "in the first only" if arm in one.arms else "in the second only"
        yield row


def _side(section: DatasetResults, arm: str) -> dict[str, Any]:
    runs = section.of(arm)
    score = evaluation.fold_mean(section.scores(arm)) if runs else math.nan
    return {"done": sum(run.done for run in runs), "planned": len(runs), "score": score}


def _same(one: DatasetResults, other: DatasetResults, arm: str) -> bool:
    """Whether both sides have identical records of an arm, missing ones included."""
    marks = [[section.store.mark(run.cell.key) for run in section.of(arm)] for section in (one, other)]
    return marks[0] == marks[1] and any(marks[0])


def _tested(one: DatasetResults, other: DatasetResults, arm: str) -> Mapping[str, Any]:
    """The test of the second against the first: positive if the second is better."""
    ours, theirs = other.scores(arm), one.scores(arm)
    pair = evaluation.paired(ours, theirs)
    terms = VarianceTerm(other, arm, "arm", 1.0), VarianceTerm(one, arm, "arm", -1.0)
    found = Differences(pair.differences, pair.cells, pair.missing, frozenset((*ours, *theirs)), terms)
    return {"primary": True, **difference_test(other, found, arm)}


def definitions(one: DatasetResults, other: DatasetResults, arm: str) -> Iterator[str]:
    """How the definition of an arm differs between two studies, from their finished runs."""
    sides = [next((run.record.trial for run in each.of(arm) if run.done), None) for each in (one, other)]
    if None in sides:
        return
    for what in ("method", "curriculum"):
        mine, its = (getattr(trial, what) for trial in sides)
        if mine.name != its.name:
            yield f"{what} {mine.name} / {its.name}"
            continue
        if mine.version != its.version:
            yield f"version of {mine.name} {mine.version} / {its.version}"
        for name in sorted({*mine.params, *its.params}):
            values = [_short(each.params.get(name)) for each in (mine, its)]
            if values[0] != values[1]:
                yield f"{name} {values[0]} / {values[1]}"


def _framed(rows: Sequence[Mapping[str, Any]], judged: Mapping[tuple[str, str], Mapping[str, Any]]) -> pd.DataFrame:
    filled = [{**row, **judged.get((row["data"], row["arm"]), {})} for row in rows]
    blank = dict.fromkeys((*NUMBERS, "folds", "folds_planned"), math.nan)
    names = ["data", "data_kind", "arm", "metric", "done_a", "planned_a", "score_a", "done_b", "planned_b", "score_b"]
    frame = pd.DataFrame([{**blank, **row} for row in filled])
    return frame[[*names, *NUMBERS, "folds", "folds_planned", "verdict", "differs"]]
