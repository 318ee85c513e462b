"""Which arms a figure of many panels shows, and which of their predictions, so that it stays readable."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.report.tables.results import DatasetResults, Run

MOST = 8  # arms in a figure of panels


@dataclass(frozen=True)
class PooledPredictions:
    """The predictions of an arm for the test scans in one pass over the folds: every scan occurs once."""

    y: np.ndarray  # (N,) class indices or numbers
    predictions: np.ndarray  # (N, K) probabilities, or (N,) numbers
    fold: np.ndarray  # (N,) the trained model of each prediction


def preferred(section: DatasetResults, scores: pd.DataFrame) -> list[str]:
    """All arms, those first that a figure shows rather than others: see `rule`.

    scores: as `bench.report.tables.scores_table` makes it. The best floor is the one with the best score.
    """
    order = dict.fromkeys([section.plan.reference, *best_floor(section, scores), *_contrasted(section)])
    return [arm for arm in dict.fromkeys([*order, *section.arms]) if arm in section.arms]


def rule(section: DatasetResults, chosen: Collection[str]) -> str:
    """A sentence for the caption if arms were left out; else empty."""
    left = len(section.arms) - len(chosen)
    if left == 0:
        return ""
    return (
        f"{len(chosen)} of {len(section.arms)} arms: those that have what is drawn, in this order of preference: the "
        f"reference, the best floor, the arms of declared contrasts, the others; at most {MOST}."
    )


def best_floor(section: DatasetResults, scores: pd.DataFrame) -> list[str]:
    """The floor with the best score, in a list; empty if no floor has one."""
    floors = scores[scores["floor"] & scores["score"].notna()] if len(scores) else scores
    if not len(floors):
        return []
    best = (section.sign * floors["score"]).idxmax()
    return [str(floors.loc[best, "arm"])]


def _contrasted(section: DatasetResults) -> list[str]:
    return [arm for pair in section.plan.contrasts for arm in pair]


def one_pass(section: DatasetResults, arm: str) -> list[Run]:
    """The finished runs of the pass over the people that has most of them; the first of such.

    Further passes test the same people again: a figure of people shows each once.
    """
    passes: dict[tuple[int, ...], list[Run]] = {}
    for run in section.of(arm):
        if run.done:
            passes.setdefault(section.one_pass(run), []).append(run)
    return max(passes.values(), key=len, default=[])


def predictions_of_one_pass(section: DatasetResults, arm: str) -> PooledPredictions | None:
    """The predictions of an arm in one pass; None if none are saved, or some are not finite."""
    parts = []
    for number, run in enumerate(one_pass(section, arm)):
        kept = section.predictions(run)
        if "selected" in kept and np.isfinite(kept["selected"]).all():
            parts.append((kept["y"], kept["selected"], np.full(len(kept["y"]), number)))
    return PooledPredictions(*map(np.concatenate, zip(*parts, strict=True))) if parts else None


def people_of_one_pass(section: DatasetResults, arm: str) -> int:
    """The number of people that an arm is tested on in one pass."""
    kept = [section.predictions(run) for run in one_pass(section, arm)]
    return len({str(person) for each in kept for person in each.get("groups", ())})


def scan_scores(section: DatasetResults, arm: str) -> np.ndarray | None:
    """(N,) the primary score of every test scan in one pass; None if no record has it."""
    kept = [section.predictions(run) for run in one_pass(section, arm)]
    parts = [each["scan_scores"] for each in kept if "scan_scores" in each]
    return np.concatenate(parts) if parts else None


def passes(section: DatasetResults) -> int:
    """How often every scan is tested by the study's plan."""
    return section.partitions * int(section.plan.seeds)


def format_number(value: float, digits: int = 2) -> str:
    """A number in a panel; empty if there is none."""
    return "" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "\u2212")
