"""How far a score gets by chance: predictions that have nothing to do with the targets of their test part.

The targets of whole groups change places within a fold. The scores that methods are judged by are sums over scans of
what a target and a prediction give together, so that mean and variance over all permutations are known exactly, without
drawing any (Hoeffding, Annals of Mathematical Statistics 1951).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.metrics import Metric
from bench.stats.people import Fold, inflation, members


@dataclass(frozen=True)
class Luck:
    """An improvement on a floor that sees nothing, held against what chance gives; NaN where it cannot be."""

    improvement: float
    se: float  # of improvements that predictions without any knowledge would have
    p: float  # two-sided


def luck(improvement: float, variances: Sequence[float], folds: int, correlation: float = 0.0) -> Luck:
    """Whether an improvement, a mean over folds, is more than chance gives.

    variances: of the score of each fold of each partition by chance, as `by_chance` has them. folds: in which everybody
    is tested once; further partitions test the same people again. correlation: of the errors of two folds, see
    `bench.stats.fold_correlation`; 1 where all folds are tested on the same people.

    Unlike the spread of differences over folds these variances are known: models that are right in every fold alike can
    be tested too, and five folds can tell a strong effect among dozens of methods. p is normal. Without the correlation
    predictions that know nothing would be taken to know something in 8 to 20 % of simulated cross-validations.
    """
    if not len(variances) or math.isnan(improvement):
        return Luck(improvement, math.nan, math.nan)
    se = math.sqrt(float(np.mean(variances)) * inflation(folds, correlation) / folds)
    if math.isnan(se) or not se:
        return Luck(improvement, se, 1.0 if se == 0 else math.nan)
    return Luck(improvement, se, math.erfc(abs(improvement) / se / math.sqrt(2)))


def by_chance(metric: Metric, fold: Fold, others: Sequence[np.ndarray] = ()) -> float:
    """The variance of a score over all permutations of the targets of groups; NaN of a score that is no such sum.

    fold: targets, predictions and groups of a test part. others: predictions of the same scans by further seeds, whose
    scores are averaged. A group of several scans takes the targets of another one in their order, over and over where
    that has fewer. 0 where all predictions or all targets are alike.
    """
    y, said, groups = fold
    tables = [together(metric, np.asarray(y), np.asarray(p)) for p in (said, *others)]
    if any(table is None for table in tables):
        return math.nan
    found = _over_groups(np.mean(tables, axis=0), members(y, groups))
    found = found - found.mean(axis=0) - found.mean(axis=1, keepdims=True) + found.mean()
    found[np.abs(found) < 1e-12] = 0.0
    return float((found**2).sum() / (len(found) - 1)) if len(found) > 1 else 0.0


def together(metric: Metric, y: np.ndarray, p: np.ndarray) -> np.ndarray | None:
    """(N, N) what the target of a scan (row) and the prediction of another (column) add to the score.

    Their sum over any pairing of targets with predictions is the score of that pairing, up to a constant. None where a
    metric is no such sum, or is not defined for the part.
    """
    if metric.kind == "segmentation" or not np.isfinite(metric(y, p)):
        return None
    if metric.each is not None:
        number = len(y)
        pairs = np.repeat(y, number, axis=0), np.tile(p, (number,) + (1,) * (p.ndim - 1))
        return metric.values(*pairs).reshape(number, number) / number
    return {"auc": _ranks, "balanced_accuracy": _calls}.get(metric.name, lambda y, p: None)(y.astype(int), p)


def _ranks(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Of areas under ROC curves, by the sum of ranks of Mann and Whitney; over several classes their mean."""
    from scipy.stats import rankdata

    classes = [1] if p.shape[1] == 2 else range(p.shape[1])
    counts = [(y == k).sum() for k in classes]
    tables = [
        (y == k)[:, None] * rankdata(p[:, k])[None] / (n * (len(y) - n)) for k, n in zip(classes, counts, strict=True)
    ]
    return np.mean(tables, axis=0)


def _calls(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Of the mean of the recalls."""
    return (y[:, None] == p.argmax(axis=1)[None]) / np.bincount(y)[y][:, None] / p.shape[1]


def _over_groups(table: np.ndarray, member: np.ndarray) -> np.ndarray:
    """(G, G) what the targets of a group and the predictions of another add together."""
    if len(np.unique(member)) == len(member):
        return table
    scans = [np.flatnonzero(member == group) for group in range(member.max() + 1)]
    return np.array([[table[np.resize(own, len(of)), of].sum() for of in scans] for own in scans])
