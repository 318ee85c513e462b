"""Areas under the ROC curve of *these trained models*: their variance and covariance after DeLong, over groups.

The variance is that of Obuchowski (Biometrics 1997) for scans in groups, which is DeLong's (Biometrics 1988) where
every group has one scan. Areas are taken within each fold and averaged over folds: scores of different models are never
pooled. Folds are taken as independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.evaluation.bootstrap import Fold, Interval, faultless, inflation

_NORMAL = NormalDist()


@dataclass(frozen=True)
class AucEstimate:
    """Areas of K scores of the same scans, with the covariance of their errors; NaN where they are undefined."""

    values: np.ndarray  # (K,)
    covariance: np.ndarray  # (K, K); NaN where a class has fewer than two groups


@dataclass(frozen=True)
class AucDifference:
    """Area of one trained model minus that of another on the same scans, with the test of DeLong."""

    difference: float
    se: float
    low: float
    high: float
    z: float
    p: float  # two-sided; NaN where both order all scans alike and it is not 0
    level: float = 0.95


def areas(y: np.ndarray, scores: np.ndarray, groups: Sequence | None = None) -> AucEstimate:
    """The areas of K scores, with their covariance.

    y: (N,) whether a scan is of the positive class. scores: (K, N). groups: (N,) whose scans are not independent; each
    scan its own where they are not given.
    """
    positive = np.asarray(y).astype(bool)
    scores = np.atleast_2d(np.asarray(scores, dtype=float))
    if scores.shape[1:] != positive.shape or not np.isfinite(scores).all():
        raise ValueError(f"{scores.shape} finite scores do not fit {positive.shape} targets")
    _, member = np.unique(np.arange(len(positive)) if groups is None else np.asarray(groups), return_inverse=True)
    if positive.all() or not positive.any():
        return AucEstimate(np.full(len(scores), math.nan), np.full((len(scores),) * 2, math.nan))
    placed = [_placements(positive, row) for row in scores]
    values = np.array([share[positive].mean() for share in placed])
    parts = [
        [np.bincount(member[of], row[of] - value, member.max() + 1) / of.sum() for of in (positive, ~positive)]
        for row, value in zip(placed, values, strict=True)
    ]
    first, second = (np.stack([part[at] for part in parts]) for at in (0, 1))  # (K, groups) of each class
    return AucEstimate(
        values, _covariance(first, second, *(len(np.unique(member[of])) for of in (positive, ~positive)))
    )


def _placements(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(N,) share of the scans of the other class that a scan is in the right order with, ties counting half."""
    found = np.empty(len(score))
    for of, sign in ((positive, 1), (~positive, -1)):
        others = np.sort(sign * score[~of])
        found[of] = (np.searchsorted(others, sign * score[of]) + np.searchsorted(others, sign * score[of], "right")) / 2
    return found / np.where(positive, (~positive).sum(), positive.sum())


def _covariance(first: np.ndarray, second: np.ndarray, positives: int, negatives: int) -> np.ndarray:
    """(K, K) from what each group adds to the areas as positive and as negative scans, (K, groups) each."""
    if min(positives, negatives) < 2:
        return np.full((len(first),) * 2, math.nan)
    number = first.shape[1]
    within = positives / (positives - 1) * first @ first.T + negatives / (negatives - 1) * second @ second.T
    across = number / (number - 1) * (first @ second.T + second @ first.T)
    return within + across


def over_folds(folds: Sequence[tuple[np.ndarray, np.ndarray, Sequence]]) -> AucEstimate:
    """The mean of the areas over folds. folds: (y, scores (K, N), groups); one without an area is left out."""
    found = [areas(*fold) for fold in folds]
    found = [one for one in found if not np.isnan(one.values).any()]
    if not found:
        size = len(np.atleast_2d(folds[0][1]))
        return AucEstimate(np.full(size, math.nan), np.full((size, size), math.nan))
    covariance = np.sum([one.covariance for one in found], axis=0) / len(found) ** 2
    return AucEstimate(np.mean([one.values for one in found], axis=0), covariance)


def area_interval(folds: Sequence[Fold], level: float = 0.95, correlation: float = 0.0) -> Interval:
    """The mean over folds of the area under the ROC curve of two classes, with its logit interval (Pepe 2003).

    folds: for each model (targets, probabilities (N, 2), groups) of its test part. The interval is symmetric on the
    logit scale, so that it stays within 0 and 1. Where all scans of all folds are in order, the variance is 0 and says
    nothing: the bound is then that of Clopper & Pearson for as many successes as the rarer class has groups. NaN where
    a class has one group in a fold. correlation: of the errors of two folds, see
    `bench.evaluation.fold_correlation`. In simulations of five folds of 20 scans it covers .95 or more (see the tests).
    """
    found = over_folds([(np.asarray(y) == 1, np.asarray(p)[:, 1], groups) for y, p, groups in folds])
    value, variance = float(found.values[0]), float(found.covariance[0, 0])
    scored = [len(np.unique(np.asarray(y) == 1)) == 2 for y, _, _ in folds]
    undefined, more = 1 - float(np.mean(scored)), inflation(sum(scored), correlation)
    if math.isnan(value) or math.isnan(variance):
        return Interval(value, math.nan, math.nan, level, 0, undefined)
    if not 0 < value < 1:
        bound = faultless(folds, level, more)
        low, high = (bound, 1.0) if value >= 1 else (0.0, 1 - bound)
    else:
        middle, reach = (
            math.log(value / (1 - value)),
            _reach(level) * math.sqrt(more * variance) / (value * (1 - value)),
        )
        low, high = (1 / (1 + math.exp(-min(700.0, max(-700.0, at)))) for at in (middle - reach, middle + reach))
    return Interval(value, low, high, level, 0, undefined)


def area_difference(ours: Sequence[Fold], theirs: Sequence[Fold], level: float = 0.95) -> AucDifference:
    """The difference of the areas of two models a fold, paired, with the test of DeLong over all folds.

    ours, theirs: (targets, probabilities (N, 2), groups) of the same scans in the same order, fold by fold. It is of
    *these trained models*, and decides no claim about methods.
    """
    folds = []
    for (y, p, groups), (other, q, _) in zip(ours, theirs, strict=True):
        if not np.array_equal(y, other):
            raise ValueError("two models are compared on the same scans in the same order")
        folds.append((np.asarray(y) == 1, np.stack([np.asarray(p)[:, 1], np.asarray(q)[:, 1]]), groups))
    found = over_folds(folds)
    sides = np.array([1.0, -1.0])
    difference, variance = float(sides @ found.values), float(sides @ found.covariance @ sides)
    se = math.sqrt(max(0.0, variance)) if math.isfinite(variance) else math.nan
    if se < 1e-12:  # of differences of rounding
        return AucDifference(
            difference, 0.0, math.nan, math.nan, math.nan, 1.0 if abs(difference) < 1e-12 else math.nan, level
        )
    z = difference / se
    reach = _reach(level) * se
    return AucDifference(difference, se, difference - reach, difference + reach, z, 2 * _NORMAL.cdf(-abs(z)), level)


def _reach(level: float) -> float:
    return _NORMAL.inv_cdf((1 + level) / 2)
