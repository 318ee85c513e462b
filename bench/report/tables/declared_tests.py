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
from bench.report.tables.external_test import VarianceTerm, people_variance
from bench.report.tables.number_format import decimals, number
from bench.report.tables.results import DatasetResults

ALPHA = 0.05


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
    """Frames of tests with Holm's correction and a verdict in words.

    The correction is over all declared tests of the study on real data, and over all of them on phantoms: a claim on
    any data set is a claim of the study. A test that is in several frames counts once; those that could not be tested
    yet count.
    """
    name = ["data", "arm", "against"]
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return list(frames)
    tests = pd.concat([frame[[*name, "data_kind", "p", "p_equivalence"]] for frame in filled]).drop_duplicates(name)
    for kind in ("real", "phantom"):
        chosen = tests["data_kind"] == kind
        tests.loc[chosen, "tests"] = chosen.sum()
        for each in ("p", "p_equivalence"):
            tests.loc[chosen, f"{each}_holm"] = _holm(tests.loc[chosen, each].to_numpy(dtype=float))
    tests["tests"] = tests["tests"].astype(int)
    found = tests[[*name, "tests", "p_holm", "p_equivalence_holm"]]
    return [_judged(frame.merge(found, on=name, how="left")) if len(frame) else frame for frame in frames]


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(verdict=[verdict(entry) for entry in frame.to_dict("records")])


def contrast_row(section: DatasetResults, arm: str, against: str, role: str = "arm") -> dict[str, Any]:
    """One contrast, without the correction over all. role: of `arm`, `again` for the A/A control."""
    ours, theirs = section.scores(arm, role), section.scores(against)
    pair = evaluation.paired(ours, theirs)
    terms = VarianceTerm(section, arm, role, 1.0), VarianceTerm(section, against, "arm", -1.0)
    found = Differences(pair.differences, pair.cells, pair.missing, frozenset((*ours, *theirs)), terms)
    place = {"data": section.name, "data_kind": section.kind, "arm": arm, "against": against}
    return {**place, **difference_test(section, found, arm, role)}


def difference_test(section: DatasetResults, differences: Differences, arm: str, role: str = "arm") -> dict[str, Any]:
    """The test of differences over folds. arm, role: of the runs that give the sizes of the parts of each fold."""
    train, test = fold_sizes(section, arm, role, differences.cells)
    people = people_variance(differences.terms, differences.cells) if section.external else None
    found = evaluation.corrected_interval(section.sign * differences.values, train, test, people=people)
    wins = evaluation.improvement(section.sign * differences.values, train, test)
    planned = {(partition, fold) for partition, fold, _ in differences.planned}
    undefined = differences.undefined
    missing = [cell for cell in differences.missing if cell not in undefined]
    margin = section.plan.margin
    return {
        "metric": section.task.primary,
        "better": section.metric.better,
        "difference": section.sign * found.mean,
        "improvement": found.mean,
        "low": found.low,
        "high": found.high,
        "se": found.se,
        "df": found.df,
        "t": found.t,
        "p": found.p,
        "minimum_detectable": found.minimum_detectable,
        "better_share": wins.share,
        "better_share_low": wins.low,
        "better_share_high": wins.high,
        "margin": math.nan if margin is None else margin,
        "p_equivalence": evaluation.equivalence(found, margin),
        "folds": len(differences.cells),
        "folds_planned": len(planned),
        "folds_undefined": len({cell[:2] for cell in undefined} - set(differences.cells)),
        "missing_runs": len(missing),
        "complete": not missing and bool(differences.cells),
        "reason": found.reason,
    }


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
    words, digits = entry["verdict"], decimals(section.metric)
    if not words.startswith("no difference shown"):
        return words
    found = f"no difference shown (smallest detectable {number(entry['minimum_detectable'], digits)})"
    if entry["p"] < ALPHA:
        found += "; its own p does not outlast Holm"
    return words.replace("no difference shown", found, 1)


def _partly(entry: Mapping[str, Any]) -> str:
    return " (some seeds missing)" if entry["folds"] == entry["folds_planned"] else ""


def no_fold(entry: Mapping[str, Any]) -> str:
    """Why no fold has a difference."""
    return "the score is undefined in every fold" if entry["folds_undefined"] else "no fold has both arms"


def _decided(entry: Mapping[str, Any]) -> str:
    if math.isnan(entry["p"]):
        return "not tested: " + (entry["reason"] if entry["folds"] else no_fold(entry))
    equal = entry["p_equivalence_holm"] < ALPHA
    if entry["p_holm"] < ALPHA:
        word = "better" if entry["improvement"] > 0 else "worse"
        return f"{word}, yet equivalent within the margin" if equal else word
    if equal:
        return "equivalent within the margin"
    if entry["se"] == 0:
        return "the same in every fold"
    return "no difference shown"


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm over all tests; an untested one counts as a test with p = 1."""
    return np.where(np.isnan(p), np.nan, evaluation.holm(np.nan_to_num(p, nan=1.0)))


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
