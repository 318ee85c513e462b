"""Tests of two trained models on the same scans: do *these two* differ on new people? No claim about methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation.bootstrap import Fold
from bench.evaluation.metrics import Metric

_CHUNK = 2_000_000  # signs at a time


@dataclass(frozen=True)
class PairedTest:
    """Test of two models: by the scans that only one of them classifies correctly, or by permutation of scores."""

    difference: float  # of the two counts, or of the scores: ours - theirs
    p: float  # two-sided
    ours: int = 0  # scans that only ours classifies correctly
    theirs: int = 0  # scans that only theirs classifies correctly
    repeats: int = 0  # permutations


def mcnemar(ours: np.ndarray, theirs: np.ndarray) -> PairedTest:
    """The exact test of McNemar (1947).

    Parameters
    ----------
    ours, theirs : ndarray of bool of shape (N,)
        Whether each model is right about a scan; one scan per group.

    Returns
    -------
    PairedTest
        p is 1 where both models are wrong about the same scans.
    """
    from scipy.stats import binomtest

    ours, theirs = np.asarray(ours, dtype=bool), np.asarray(theirs, dtype=bool)
    if ours.shape != theirs.shape:
        raise ValueError(f"{ours.shape} and {theirs.shape} are not the same shape: predict the same scans with both")
    first, second = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    p = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    return PairedTest(float(first - second), p, first, second)


def permutation_test(
    metric: Metric,
    ours: Sequence[Fold],
    theirs: Sequence[Fold],
    rng: np.random.Generator,
    repeats: int = 1999,
) -> PairedTest:
    """The permutation test of the difference of the scores of two models; it swaps predictions of whole groups.

    p = (1 + permutations at least as far from 0) / (1 + repeats): never 0, and exact where both models are alike
    (Phipson & Smyth 2010). A fold without a score is left out, and so is a permutation without one.

    Parameters
    ----------
    metric : Metric
    ours, theirs : sequence of (targets, predictions, groups)
        The same scans in the same order, fold by fold.
    rng : numpy.random.Generator
    repeats : int
        Number of permutations.

    Returns
    -------
    PairedTest
        difference: of the means over folds, ours - theirs.
    """
    pairs = [(y, p, q, groups) for (y, p, groups), (_, q, _) in zip(ours, theirs, strict=True)]
    drawn = _sums(metric, pairs, rng, repeats) if metric.each else _rescored(metric, pairs, rng, repeats)
    observed, rest = float(drawn[0]), drawn[1:][np.isfinite(drawn[1:])]
    if not np.isfinite(observed):
        return PairedTest(float("nan"), float("nan"))
    further = int((np.abs(rest) >= abs(observed) - 1e-12).sum())
    return PairedTest(observed, (1 + further) / (1 + len(rest)), repeats=len(rest))


def _sums(metric: Metric, pairs: Sequence[tuple], rng: np.random.Generator, repeats: int) -> np.ndarray:
    """(1 + repeats,) differences of a mean over scans; the observed one comes first."""
    total = np.zeros(1 + repeats)
    for y, p, q, groups in pairs:
        member = np.unique(np.asarray(groups), return_inverse=True)[1]
        sums = np.bincount(member, metric.values(y, p) - metric.values(y, q)) / len(y)
        rows = max(1, _CHUNK // len(sums))
        parts = [np.full(1, sums.sum())]
        for at in range(0, repeats, rows):
            signs = rng.integers(0, 2, (min(rows, repeats - at), len(sums))) * 2 - 1
            parts.append(signs @ sums)
        total += np.concatenate(parts)
    return total / len(pairs)


def _rescored(metric: Metric, pairs: Sequence[tuple], rng: np.random.Generator, repeats: int) -> np.ndarray:
    """(1 + repeats,) differences of scores, recomputed for every permutation; the observed one comes first."""
    drawn = []
    for y, p, q, groups in pairs:
        p, q = np.asarray(p), np.asarray(q)
        member = np.unique(np.asarray(groups), return_inverse=True)[1]
        differences = [metric(y, p) - metric(y, q)]
        for _ in range(repeats):
            change = (rng.random(member.max() + 1) < 0.5)[member]
            change = change.reshape(-1, *[1] * (p.ndim - 1))
            differences.append(metric(y, np.where(change, q, p)) - metric(y, np.where(change, p, q)))
        drawn.append(differences)
    scored = [differences for differences in drawn if np.isfinite(differences[0])]
    return np.mean(scored, axis=0) if scored else np.full(1 + repeats, np.nan)
