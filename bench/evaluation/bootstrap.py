"""Uncertainty of the score of *these trained models* on new people: the bootstrap over groups, within folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.evaluation import metrics
from bench.evaluation.metrics import Metric

Fold = tuple[np.ndarray, np.ndarray, Sequence]  # targets, predictions and groups of a model's test part
_CHUNK = 4_000_000  # weights at a time: 32 MB


@dataclass(frozen=True)
class Interval:
    """A score with its interval; NaN where no fold has a score."""

    about: ClassVar[str] = "these trained models on new people"
    estimate: float
    low: float
    high: float
    level: float
    repeats: int  # resamples in which at least one fold has a score; 0 where it needs none
    undefined: float = 0.0  # share of (resample, fold), or of folds, without a score, as they have one class only


def group_bootstrap(
    metric: Metric | str,
    folds: Sequence[Fold],
    rng: np.random.Generator,
    repeats: int = 2000,
    level: float = 0.95,
    spacing: Sequence[float] | None = None,
    accelerated: bool = False,
) -> Interval:
    """The mean over folds of a score, with its percentile interval over groups (Efron 1979; Davison & Hinkley 1997).

    The interval is about *these trained models* on new people, not about the method: see the package. It assumes
    independent folds. In a cross-validation each model is trained on the test parts of the others, and the interval
    covers less than its level (.86 to .92 for .95, in simulations of five folds of 20 scans); `score_interval` corrects
    for that. In every fold, as many groups as the fold has are drawn with replacement, and the score is computed within
    the fold. The scores of the folds are then averaged: predictions of different models are never pooled. A resample
    leaves out a fold without a score and counts it in `Interval.undefined`.

    Parameters
    ----------
    metric : Metric or str
        The score, or its name.
    folds : sequence of (targets, predictions, groups)
        The test part of each model, in the shapes of `bench.evaluation.metrics`. groups (N,): scans of one group are
        drawn together.
    rng : numpy.random.Generator
    repeats : int
        Number of resamples.
    level : float
        Coverage of the interval, in (0, 1).
    spacing : sequence of float or None
        Voxel size of label maps, in mm.
    accelerated : bool
        Compute the BCa interval (Efron 1987), for several folds in its form for several samples (Davison & Hinkley
        1997, 5.38). NaN where it does not exist, for example where all resamples lie on one side of the score.

    Returns
    -------
    Interval
        In the unit of the metric.

    Raises
    ------
    ValueError
        If there is no fold.
    """
    metric = metrics.metric(metric) if isinstance(metric, str) else metric
    if not folds:
        raise ValueError("a bootstrap needs at least one fold")
    points = np.array([metric(np.asarray(y), np.asarray(p), spacing) for y, p, _ in folds])
    scored = [fold for fold, point in zip(folds, points, strict=True) if not np.isnan(point)]
    if not scored:
        return Interval(math.nan, math.nan, math.nan, level, 0, 1.0)
    draws = np.stack([_resampled(metric, *fold, rng, repeats, spacing) for fold in scored])  # (folds, repeats)
    counts = (~np.isnan(draws)).sum(axis=0)
    means = np.nansum(draws, axis=0)[counts > 0] / counts[counts > 0]
    estimate, sides = float(np.nanmean(points)), np.array([(1 - level) / 2, (1 + level) / 2])
    if accelerated:
        sides = _accelerated(means, estimate, sides, [_left_out(metric, *fold, spacing) for fold in scored])
    low, high = np.quantile(means, sides) if np.isfinite(sides).all() else (math.nan, math.nan)
    undefined = 1 - counts.sum() / (len(folds) * repeats)
    return Interval(estimate, float(low), float(high), level, len(means), float(undefined))


def inflation(folds: int, correlation: float) -> float:
    """Factor by which correlated folds increase the variance of their mean.

    Parameters
    ----------
    folds : int
        Number of folds.
    correlation : float
        Correlation of the errors of two folds, in [0, 1].

    Returns
    -------
    float
        1 + (folds - 1) correlation.
    """
    return 1 + (folds - 1) * correlation


def error_free_bound(folds: Sequence[Fold], level: float, more: float = 1.0) -> float:
    """The lower bound of a proportion without an observed error.

    The number of trials is the number of groups of the rarest class over all folds.

    Parameters
    ----------
    folds : sequence of (targets, predictions, groups)
        The test part of each model; targets are classes.
    level : float
        Coverage of the interval, in (0, 1).
    more : float
        Factor by which the variance is inflated, see `inflation`.

    Returns
    -------
    float
        The bound, in [0, 1].

    References
    ----------
    Clopper & Pearson, Biometrika 1934.
    """
    y = np.concatenate([np.asarray(targets) for targets, _, _ in folds])
    who = np.concatenate([group_index(t, g) + 1_000_000 * n for n, (t, _, g) in enumerate(folds)])
    groups = min(len(np.unique(who[y == k])) for k in np.unique(y))
    return float(((1 - level) / 2) ** (more / groups))


def _accelerated(means: np.ndarray, estimate: float, sides: np.ndarray, left_out: Sequence[np.ndarray]) -> np.ndarray:
    """(2,) quantiles of the resamples that bound the BCa interval; NaN where the interval does not exist.

    left_out: for each fold the jackknife scores (groups,), each without one group.
    """
    from scipy.special import ndtr, ndtri

    bias = ndtri((np.mean(means < estimate) + np.mean(means <= estimate)) / 2)
    pulls = [(len(one) - 1) * (np.nanmean(one) - one) / len(one) for one in left_out]
    cubes, squares = (sum(np.nansum(pull**power) for pull in pulls) for power in (3, 2))
    if not squares > 0 or not np.isfinite(bias):
        return np.full(2, math.nan)
    bent = bias + ndtri(sides)
    return ndtr(bias + bent / (1 - cubes / (6 * squares**1.5) * bent))


def _left_out(
    metric: Metric, y: np.ndarray, p: np.ndarray, groups: Sequence, spacing: Sequence[float] | None
) -> np.ndarray:
    """Jackknife scores (groups,) of a fold, each without one group."""
    member = group_index(y, groups)
    weights = 1.0 - np.eye(member.max() + 1)[:, member]
    return metric.batch(np.asarray(y), np.asarray(p), weights[weights.sum(axis=1) > 0], spacing)


def group_index(y: np.ndarray, groups: Sequence) -> np.ndarray:
    """Index of the group of each scan.

    Parameters
    ----------
    y : ndarray of shape (N, ...)
        Targets.
    groups : sequence of shape (N,)
        Group of each scan.

    Returns
    -------
    ndarray of int of shape (N,)
        Indices from 0, in the order of the sorted groups.

    Raises
    ------
    ValueError
        If there are not as many groups as scans.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != (len(y),):
        raise ValueError(f"{len(member)} groups for {len(y)} scans; give one group for each scan")
    return member


def draw_groups(number: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Draw groups with replacement.

    Parameters
    ----------
    number : int
        Number of groups, and of draws in each resample.
    repeats : int
        Number of resamples.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    ndarray of int of shape (repeats, number)
        How often each group occurs in each resample.
    """
    drawn = rng.integers(0, number, (repeats, number))
    drawn += number * np.arange(repeats)[:, None]
    return np.bincount(drawn.ravel(), minlength=repeats * number).reshape(repeats, number)


def _resampled(
    metric: Metric,
    y: np.ndarray,
    p: np.ndarray,
    groups: Sequence,
    rng: np.random.Generator,
    repeats: int,
    spacing: Sequence[float] | None,
) -> np.ndarray:
    """(repeats,) scores of one fold, each over as many groups as it has, drawn with replacement."""
    y, p, member = np.asarray(y), np.asarray(p), group_index(y, groups)
    counts = draw_groups(int(member.max()) + 1, repeats, rng)
    if metric.each is not None:  # once, not once a chunk: surface distances are slow
        sums = np.bincount(member, metric.values(y, p, spacing))
        return (counts * sums).sum(axis=1) / (counts * np.bincount(member)).sum(axis=1)
    rows = max(1, _CHUNK // len(y))
    parts = [np.take(counts[at : at + rows], member, axis=1) for at in range(0, repeats, rows)]  # row by row: faster
    return np.concatenate([metric.batch(y, p, part, spacing) for part in parts])
