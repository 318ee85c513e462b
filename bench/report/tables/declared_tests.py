"""Tests of declared differences: is one side better than the other, by how much, and the detectable difference.

Every difference is an *improvement*: positive if the arm is better, for metrics of both directions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench import evaluation
from bench.evaluation.detectable_difference import ALPHA, detectable, detectable_range
from bench.evaluation.person_test import PeopleTest
from bench.report.tables.external_test import VarianceTerm, people_variance
from bench.report.tables.metric_range import difference_bounds, largest_difference
from bench.report.tables.number_format import decimals, number
from bench.report.tables.person_differences import people_test_of
from bench.report.tables.results import DatasetResults

CORRECTED = (
    "primary", "tests", "p_holm", "p_equivalence_holm", "q", "q_equivalence", "p_folds_holm",
    "detectable", "detectable_low", "detectable_high",
)  # fmt: skip
EXAMPLE = "the data set has too few people for any claim; the numbers are an example"  # why it is not tested
EXPLORATORY = "exploratory: "  # before the verdict of a test that is not primary


@dataclass(frozen=True)
class Differences:
    """A difference in every (partition, fold) that has one."""

    values: np.ndarray  # (J,)
    cells: tuple[tuple[int, int], ...]  # (partition, fold) of each
    missing: tuple[evaluation.Cell, ...]  # planned runs that are left out because an arm has none
    planned: frozenset[evaluation.Cell]
    terms: tuple[VarianceTerm, ...]  # the weighted scores of arms that it consists of

    @cached_property
    def undefined(self) -> set[evaluation.Cell]:
        """The missing cells that are undefined for every arm: their test part defines no score."""
        lacking = [term.section.undefined(term.arm, term.role) for term in self.terms]
        return {cell for cell in self.missing if all(cell in each for each in lacking)}


def corrected(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """Frames of tests with the correction for their number, the detectable difference, and a verdict in words.

    Primary tests share Holm's correction: all declared differences and equivalences of the study on real data, and all
    of them on phantoms, as a claim on any data set is a claim of the study. A test that is in several frames counts
    once, and is primary if it is so in one of them; one that could not be made yet counts. The others are exploratory:
    they share a false discovery rate.
    """
    name = ["data", "arm", "against"]
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return list(frames)
    columns = [*name, "data_kind", "primary", "p", "p_equivalence", "p_folds", "margin", "se", "df"]
    every = pd.concat([frame[columns] for frame in filled])
    every["primary"] = every.groupby(name)["primary"].transform("any")
    tests = every.drop_duplicates(name).reset_index(drop=True)
    for kind in ("real", "phantom"):
        for primary in (True, False):
            chosen = (tests["data_kind"] == kind) & (tests["primary"] == primary)
            if chosen.any():
                _correct(tests, chosen, primary)
    tests["tests"] = tests["tests"].astype(int)
    found = tests[[*name, *CORRECTED]]
    whole = [frame.drop(columns="primary").merge(found, on=name, how="left") for frame in filled]
    judged = iter(_judged(frame) for frame in whole)
    return [next(judged) if len(frame) else frame for frame in frames]


def _correct(tests: pd.DataFrame, chosen: pd.Series, primary: bool) -> None:
    """Fill the columns of the correction for one family of tests."""
    family = tests[chosen]
    number = len(family) + int(family["margin"].notna().sum())
    p = family[["p", "p_equivalence"]].to_numpy(dtype=float)
    declared = np.array([[True, not math.isnan(margin)] for margin in family["margin"]])
    adjusted = np.full(p.shape, math.nan)
    adjusted[declared] = (_holm if primary else _discovery_rate)(p[declared])
    names = ("p_holm", "p_equivalence_holm") if primary else ("q", "q_equivalence")
    for at, column in enumerate(names):
        tests.loc[chosen, column] = adjusted[:, at]
    for column in {"p_holm", "p_equivalence_holm", "q", "q_equivalence"} - set(names):
        tests.loc[chosen, column] = math.nan
    tests.loc[chosen, "p_folds_holm"] = _holm(family["p_folds"].to_numpy(dtype=float)) if primary else math.nan
    tests.loc[chosen, "tests"] = number
    sizes = [_detectable(se, df, number) for se, df in zip(family["se"], family["df"], strict=True)]
    for at, column in enumerate(("detectable", "detectable_low", "detectable_high")):
        tests.loc[chosen, column] = [size[at] for size in sizes]


def _detectable(se: float, df: float, tests: int) -> tuple[float, float, float]:
    """The detectable difference after the correction, and its interval."""
    if not (df > 0):
        return math.nan, math.nan, math.nan
    return detectable(se, df, tests), *detectable_range(se, df, tests)


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(verdict=[verdict(entry) for entry in frame.to_dict("records")])


def contrast_row(section: DatasetResults, arm: str, against: str, role: str = "arm") -> dict[str, Any]:
    """One contrast, without the correction over all. role: of `arm`, `again` for the A/A control."""
    ours, theirs = section.scores(arm, role), section.scores(against)
    pair = evaluation.paired(ours, theirs)
    terms = VarianceTerm(section, arm, role, 1.0), VarianceTerm(section, against, "arm", -1.0)
    found = Differences(pair.differences, pair.cells, pair.missing, frozenset((*ours, *theirs)), terms)
    place = {"data": section.name, "data_kind": section.kind, "arm": arm, "against": against}
    place["primary"] = section.plan.is_primary(arm, against)
    return {**place, **difference_test(section, found, arm, role)}


def difference_test(section: DatasetResults, differences: Differences, arm: str, role: str = "arm") -> dict[str, Any]:
    """The test of differences over people, and beside it the corrected resampled t-test over folds.

    arm, role: of the runs that give the sizes of the parts of each fold.
    """
    train, test = fold_sizes(section, arm, role, differences.cells)
    people = people_variance(differences.terms, differences.cells) if section.external else None
    folds = evaluation.corrected_interval(section.sign * differences.values, train, test, people=people)
    wins = evaluation.improvement(section.sign * differences.values, train, test)
    example = section.data.example
    found = EXAMPLE if example else people_test_of(section, differences, train, test)
    if isinstance(found, str):
        found = PeopleTest(folds.mean, *(math.nan,) * 8, 0, reason=found)
    planned = {(partition, fold) for partition, fold, _ in differences.planned}
    undefined = differences.undefined
    missing = [cell for cell in differences.missing if cell not in undefined]
    margin = section.plan.margin
    return {
        "metric": section.task.primary,
        "better": section.metric.better,
        "difference": section.sign * folds.mean,
        "improvement": folds.mean,
        **_bounds(section, found, differences.terms),
        **{name: getattr(found, name) for name in ("se", "se_people", "se_training", "people", "df", "t", "p")},
        "better_share": wins.share,
        "better_share_low": wins.low,
        "better_share_high": wins.high,
        "margin": math.nan if margin is None else margin,
        "p_equivalence": evaluation.equivalence(found, margin),
        "se_folds": folds.se,
        "p_folds": math.nan if example else folds.p,
        "folds": len(differences.cells),
        "folds_planned": len(planned),
        "folds_undefined": len({cell[:2] for cell in undefined} - set(differences.cells)),
        "missing_runs": len(missing),
        "complete": not missing and bool(differences.cells),
        "reason": found.reason,
    }


def _bounds(section: DatasetResults, found: PeopleTest, terms: Sequence[VarianceTerm]) -> dict[str, float]:
    low, high = difference_bounds(section.metric, found.low, found.high, [term.weight for term in terms])
    return {"low": low, "high": high}


def verdict(entry: Mapping[str, Any]) -> str:
    """The result of a contrast in words that claim no more than the test supports."""
    words = _decided(entry)
    if entry["folds"] and entry["folds_undefined"]:
        words += f"; undefined in {entry['folds_undefined']} of {entry['folds_planned']} folds"
    if entry["complete"] or not entry["folds"]:
        return words
    return f"{words}; not final, {entry['folds']} of {entry['folds_planned']} folds" + _partly(entry)


def verdict_cell(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    """The verdict; if no difference is significant, with the smallest detectable one."""
    words = entry["verdict"]
    if not words.removeprefix(EXPLORATORY).startswith("no difference shown") or math.isnan(entry["detectable"]):
        return words
    found = f"no difference shown (detectable {detectable_cell(section, entry)})"
    if entry["p"] < ALPHA:
        found += f"; p is below {ALPHA} before the correction for {entry['tests']} tests, not after it"
    return words.replace("no difference shown", found, 1)


def detectable_cell(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    """The detectable difference; that of the range of the metric, marked with >, where none that is possible is."""
    most = largest_difference(section.metric) * (2 if entry.get("effect") == "interaction" else 1)
    digits, size = decimals(section.metric), entry["detectable"]
    return f"> {number(most, digits)}" if size > most else number(size, digits)


def _partly(entry: Mapping[str, Any]) -> str:
    return " (some seeds missing)" if entry["folds"] == entry["folds_planned"] else ""


def no_fold(entry: Mapping[str, Any]) -> str:
    """Why no fold has a difference."""
    if "over" in entry:
        return "the score is undefined, or no run is done, in every fold of one of the splits"
    return "the score is undefined in every fold" if entry["folds_undefined"] else "no fold has both arms"


def _decided(entry: Mapping[str, Any]) -> str:
    if math.isnan(entry["p"]):
        return "not tested: " + (entry["reason"] if entry["folds"] else no_fold(entry))
    primary = entry["primary"]
    differs, equal = (entry["p_holm"], entry["p_equivalence_holm"]) if primary else (entry["q"], entry["q_equivalence"])
    words = _claimed(entry, differs < ALPHA, equal < ALPHA)
    return words if primary else f"{EXPLORATORY}{words}"


def _claimed(entry: Mapping[str, Any], differs: bool, equal: bool) -> str:
    if differs:
        word = "better" if entry["improvement"] > 0 else "worse"
        return f"{word}, yet equivalent within the margin" if equal else word
    if equal:
        return "equivalent within the margin"
    if entry["se"] == 0:
        return "the same for every person"
    return "no difference shown"


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm over all tests; an untested one counts as a test with p = 1."""
    return np.where(np.isnan(p), np.nan, evaluation.holm(np.nan_to_num(p, nan=1.0)))


def _discovery_rate(p: np.ndarray) -> np.ndarray:
    """q values by Benjamini and Hochberg (1995) over all tests; an untested one counts as a test with p = 1."""
    filled = np.nan_to_num(p, nan=1.0)
    order = np.argsort(filled, kind="stable")
    steps = filled[order] * len(filled) / np.arange(1, len(filled) + 1)
    adjusted = np.empty(len(filled))
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return np.where(np.isnan(p), np.nan, adjusted)


def unknown_people_variance(section: DatasetResults) -> tuple[float, int] | None:
    """NaN if all folds share one external test set, so that no interval is shown; else None."""
    return (math.nan, 0) if section.external else None


def fold_sizes(
    section: DatasetResults, arm: str, role: str, cells: Sequence[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of scans that each (partition, fold) learns from and leaves out: its training and test parts.

    With an external test a fold leaves out as many scans of its own set as without it, and tests none of them.
    """
    found = {run.place[:2]: run.record.sizes for run in section.of(arm, role) if run.done}
    left_out = (lambda each: (each["train"] + each["val"]) / max(1, section.folds - 1)) if section.external else None
    return tuple(
        np.array([part(found[cell]) for cell in cells], dtype=float)
        for part in (lambda each: each["train"], left_out or (lambda each: each["test"]))
    )
