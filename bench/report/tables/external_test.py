"""Tests on another data set: all models are tested on the same people, whose sampling error no fold averages out.

The spread of differences over folds shows how models differ that learnt from different people; the sample of test
people is the same for all of them. Its variance is that of a bootstrap over the people, with all models fixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core import seed_of
from bench.evaluation.bootstrap import draw_groups, group_index
from bench.evaluation.metrics import Metric
from bench.report.tables.results import DatasetResults
from bench.report.tables.score_interval import judge

REPEATS = 1000


@dataclass(frozen=True)
class VarianceTerm:
    """A part of a difference: the scores of an arm, times a weight."""

    section: DatasetResults
    arm: str
    role: str
    weight: float


def people_variance(terms: Sequence[VarianceTerm], cells: Sequence[tuple[int, int]]) -> tuple[float, int]:
    """The variance of a difference, a mean over models, from its test people; their number.

    cells: (partition, fold) of the models. NaN if a model has saved no predictions, or for other scans, and for
    one person.
    """
    parts: list[np.ndarray] = []
    weights, first, people = None, None, 0
    for cell in cells:
        for term in terms:
            found = _predictions(term, cell)
            if not found or (first is not None and any(not np.array_equal(each[0], first) for each in found)):
                return math.nan, 0
            if weights is None:
                first = found[0][0]
                weights, people = _weights(found[0][3], seed_of(term.section.name, "people"))
            parts.append(term.weight * _mean(judge(term.section), found, weights))
    if not parts or people < 2:
        return math.nan, 0
    sums = np.sum(parts, axis=0) / len(cells)
    sums = sums[np.isfinite(sums)]
    return (float(sums.var(ddof=1)) if len(sums) > 1 else math.nan), people


def _predictions(term: VarianceTerm, cell: tuple[int, int]) -> list[tuple[np.ndarray, ...]]:
    """(ids, targets, predictions, groups) of every seed of a model; empty if one has no saved predictions."""
    runs = [run for run in term.section.of(term.arm, term.role) if run.place[:2] == cell and run.done]
    kept = [term.section.predictions(run) for run in runs]
    name = "scan_scores" if term.section.task.per_voxel else "selected"
    if any(name not in each or not np.isfinite(each[name]).all() for each in kept):
        return []
    return [(each["ids"], each.get("y", each[name]), each[name], each["groups"]) for each in kept]


def _weights(groups: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """(REPEATS, N) how often each scan is drawn with its person; the number of people."""
    member = group_index(groups, groups)
    people = int(member.max()) + 1
    return draw_groups(people, REPEATS, np.random.default_rng(seed))[:, member].astype(float), people


def _mean(metric: Metric, seeds: Sequence[tuple[np.ndarray, ...]], weights: np.ndarray) -> np.ndarray:
    """(REPEATS,) the score of a model, seeds averaged, for each draw of people."""
    return np.mean([metric.batch(y, predictions, weights) for _, y, predictions, _ in seeds], axis=0)
