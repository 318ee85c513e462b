"""Areas under the ROC curve of *these trained models*: their variance and covariance by DeLong, over groups.

The variance is that of Obuchowski (Biometrics 1997) for scans in groups, which equals that of DeLong (Biometrics 1988)
where every group has one scan. Areas are computed within each fold and averaged over folds: scores of different models
are never pooled. Folds are assumed to be independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.evaluation.bootstrap import Fold, Interval, error_free_bound, inflation

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
    p: float  # two-sided; NaN where both order all scans alike and the difference is not 0
    level: float = 0.95


def areas(y: np.ndarray, scores: np.ndarray, groups: Sequence | None = None) -> AucEstimate:
    """The areas under the ROC curve of K scores, with the covariance of their errors.

    Parameters
    ----------
    y : ndarray of shape (N,)
        Whether a scan is of the positive class.
    scores : ndarray of shape (K, N)
        Finite; higher means positive.
    groups : sequence of shape (N,) or None
        Scans of one group are dependent; None: each scan is its own group.

    Returns
    -------
    AucEstimate
        NaN areas where a class is absent, NaN covariance where a class has fewer than two groups.

    References
    ----------
    Obuchowski, Biometrics 1997; DeLong, DeLong & Clarke-Pearson, Biometrics 1988.
    """
    positive = np.asarray(y).astype(bool)
    scores = np.atleast_2d(np.asarray(scores, dtype=float))
    if scores.shape[1:] != positive.shape or not np.isfinite(scores).all():
        raise ValueError(f"{scores.shape} finite scores do not fit {positive.shape} targets")
    _, member = np.unique(np.arange(len(positive)) if groups is None else np.asarray(groups), return_inverse=True)
    if positive.all() or not positive.any():
        return AucEstimate(np.full(len(scores), math.nan), np.full((len(scores),) * 2, math.nan))
    placed = [placements(positive, row) for row in scores]
    values = np.array([share[positive].mean() for share in placed])
    parts = [
        [np.bincount(member[of], row[of] - value, member.max() + 1) / of.sum() for of in (positive, ~positive)]
        for row, value in zip(placed, values, strict=True)
    ]
    first, second = (np.stack([part[at] for part in parts]) for at in (0, 1))  # (K, groups) of each class
    return AucEstimate(
        values, _covariance(first, second, *(len(np.unique(member[of])) for of in (positive, ~positive)))
    )


def placements(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Proportion of the scans of the other class that are ordered correctly with each scan.

    Parameters
    ----------
    positive : ndarray of bool, shape (N,)
        Whether a scan is of the positive class.
    score : ndarray of shape (N,)
        Scores, higher for the positive class.

    Returns
    -------
    ndarray of shape (N,)
        From 0 to 1; ties count half. Their mean over a class is the area under the ROC curve.
    """
    counts = np.empty(len(score))
    for of, sign in ((positive, 1), (~positive, -1)):
        others = np.sort(sign * score[~of])
        counts[of] = (
            np.searchsorted(others, sign * score[of]) + np.searchsorted(others, sign * score[of], "right")
        ) / 2
    return counts / np.where(positive, (~positive).sum(), positive.sum())


def _covariance(first: np.ndarray, second: np.ndarray, positives: int, negatives: int) -> np.ndarray:
    """(K, K) covariance from the contributions (K, groups) of each group's positive and negative scans."""
    if min(positives, negatives) < 2:
        return np.full((len(first),) * 2, math.nan)
    number = first.shape[1]
    within = positives / (positives - 1) * first @ first.T + negatives / (negatives - 1) * second @ second.T
    across = number / (number - 1) * (first @ second.T + second @ first.T)
    return within + across


def over_folds(folds: Sequence[tuple[np.ndarray, np.ndarray, Sequence]]) -> AucEstimate:
    """Average areas over folds, with the covariance of the means.

    Parameters
    ----------
    folds : sequence of (y, scores, groups)
        As for `areas`: (N,), (K, N) and (N,) of each fold. A fold without an area is left out.

    Returns
    -------
    AucEstimate
        Means (K,) and their covariance (K, K); NaN where no fold has an area.
    """
    estimates = [areas(*fold) for fold in folds]
    estimates = [one for one in estimates if not np.isnan(one.values).any()]
    if not estimates:
        size = len(np.atleast_2d(folds[0][1]))
        return AucEstimate(np.full(size, math.nan), np.full((size, size), math.nan))
    covariance = np.sum([one.covariance for one in estimates], axis=0) / len(estimates) ** 2
    return AucEstimate(np.mean([one.values for one in estimates], axis=0), covariance)


def area_interval(folds: Sequence[Fold], level: float = 0.95, correlation: float = 0.0) -> Interval:
    """The mean over folds of the area under the ROC curve of two classes, with its logit interval (Pepe 2003).

    The interval is symmetric on the logit scale, so that it stays within 0 and 1. Where all scans of all folds are
    ordered correctly, the variance is 0 and gives no interval: the bound is then that of Clopper & Pearson, for as many
    successes as the rarer class has groups. Where some folds are ordered correctly and the others wrongly or not at
    all, the variance is 0, too, and the bounds are averaged over the folds. In simulations of five folds of 20 scans
    the interval covers .95 or more (see the tests).

    Parameters
    ----------
    folds : sequence of (targets, probabilities, groups)
        The test part of each model; probabilities (N, 2).
    level : float
        Coverage of the interval, in (0, 1).
    correlation : float
        Correlation of the errors of two folds, see `bench.evaluation.fold_correlation`.

    Returns
    -------
    Interval
        NaN bounds where a class has one group in a fold.
    """
    estimate = over_folds([(np.asarray(y) == 1, np.asarray(p)[:, 1], groups) for y, p, groups in folds])
    value, variance = float(estimate.values[0]), float(estimate.covariance[0, 0])
    scored = [len(np.unique(np.asarray(y) == 1)) == 2 for y, _, _ in folds]
    undefined, more = 1 - float(np.mean(scored)), inflation(sum(scored), correlation)
    if math.isnan(value) or math.isnan(variance):
        return Interval(value, math.nan, math.nan, level, 0, undefined)
    if not 0 < value < 1:
        bound = error_free_bound(folds, level, more)
        low, high = (bound, 1.0) if value >= 1 else (0.0, 1 - bound)
    elif variance < 1e-12:
        low, high = _bounds_without_variance(folds, level, more)
    else:
        middle, reach = (
            math.log(value / (1 - value)),
            _reach(level) * math.sqrt(more * variance) / (value * (1 - value)),
        )
        low, high = (1 / (1 + math.exp(-min(700.0, max(-700.0, at)))) for at in (middle - reach, middle + reach))
    return Interval(value, low, high, level, 0, undefined)


def _bounds_without_variance(folds: Sequence[Fold], level: float, more: float) -> tuple[float, float]:
    """The mean over folds of the bounds of each: all scans ordered correctly, all wrongly, or all tied."""
    values = [float(areas(np.asarray(y) == 1, np.asarray(p)[:, 1], groups).values[0]) for y, p, groups in folds]
    right, wrong = ([fold for fold, value in zip(folds, values, strict=True) if value == end] for end in (1, 0))
    lows = {1.0: error_free_bound(right, level, more) if right else 1.0}
    highs = {0.0: 1 - error_free_bound(wrong, level, more) if wrong else 0.0}
    scored = [value for value in values if not math.isnan(value)]
    low, high = (float(np.mean([bounds.get(value, value) for value in scored])) for bounds in (lows, highs))
    return low, high


def area_difference(ours: Sequence[Fold], theirs: Sequence[Fold], level: float = 0.95) -> AucDifference:
    """The paired difference of the areas of two models, with the test of DeLong over all folds.

    The test is about *these trained models*, and decides no claim about methods.

    Parameters
    ----------
    ours, theirs : sequence of (targets, probabilities, groups)
        The same scans in the same order, fold by fold; probabilities (N, 2).
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    AucDifference
        Area of `ours` minus area of `theirs`.

    Raises
    ------
    ValueError
        If the targets differ.
    """
    folds = []
    for (y, p, groups), (other, q, _) in zip(ours, theirs, strict=True):
        if not np.array_equal(y, other):
            raise ValueError("two models are compared on the same scans in the same order")
        folds.append((np.asarray(y) == 1, np.stack([np.asarray(p)[:, 1], np.asarray(q)[:, 1]]), groups))
    estimate = over_folds(folds)
    sides = np.array([1.0, -1.0])
    difference, variance = float(sides @ estimate.values), float(sides @ estimate.covariance @ sides)
    se = math.sqrt(max(0.0, variance)) if math.isfinite(variance) else math.nan
    if se < 1e-12:  # rounding error only
        return AucDifference(
            difference, 0.0, math.nan, math.nan, math.nan, 1.0 if abs(difference) < 1e-12 else math.nan, level
        )
    z = difference / se
    reach = _reach(level) * se
    return AucDifference(difference, se, difference - reach, difference + reach, z, 2 * _NORMAL.cdf(-abs(z)), level)


def _reach(level: float) -> float:
    return _NORMAL.inv_cdf((1 + level) / 2)
