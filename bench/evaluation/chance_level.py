"""The chance level of a score: the distribution of the score when predictions are independent of the targets.

The predictions of whole groups are permuted within a fold. The scores that judge methods are sums over groups of a
function of the targets of one group and the predictions of one group. The mean and variance over all permutations are
therefore known exactly, without drawing permutations (Hoeffding, Annals of Mathematical Statistics 1951). The exception
is the AUC of groups of different sizes: permutations are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core import task_kind
from bench.evaluation.bootstrap import Fold, group_index, inflation
from bench.evaluation.group_permutation import centred, drawn_areas, over_groups, same_sizes
from bench.evaluation.metrics import Metric

MOST = 1500  # scans of a part that enter the table of pairs
ROUNDING = 1e-12  # smaller contributions are rounding errors


@dataclass(frozen=True)
class ChanceDistribution:
    """Permutation distribution of the score of a fold, averaged over seeds; NaN where it is not known."""

    expected: float  # the mean over all permutations
    variance: float
    exact: bool = True  # False: estimated, from permutations that were drawn or from a part of the people


@dataclass(frozen=True)
class SkillTest:
    """Test of whether predictions carry information about the people whom they are about."""

    expected: float  # score of uninformative predictions, the mean over folds
    se: float
    p: float  # two-sided


def skill_test(score: float, folds: Sequence[ChanceDistribution], number: int, correlation: float = 0.0) -> SkillTest:
    """Test whether a score differs from the score of the same predictions with permuted targets.

    The variances are known, unlike the variance that is estimated from the spread over folds. Models that are right in
    every fold alike can therefore be tested, and five folds can detect a strong effect among dozens of methods. p uses
    the normal approximation. Without the correlation, uninformative predictions would be significant in up to 14 % of
    simulated cross-validations.

    Parameters
    ----------
    score : float
        The mean over folds.
    folds : sequence of ChanceDistribution
        The folds of every partition.
    number : int
        Number of folds that test everybody once; further partitions test the same people again.
    correlation : float
        Correlation of the errors of two folds, see `bench.evaluation.fold_correlation`; 1 where all folds are tested on
        the same people.

    Returns
    -------
    SkillTest
        NaN where there is no fold.
    """
    if not folds:
        return SkillTest(math.nan, math.nan, math.nan)
    expected, variance = (float(np.mean([getattr(each, name) for each in folds])) for name in ("expected", "variance"))
    se = math.sqrt(variance * inflation(number, correlation) / number)
    if math.isnan(se) or not se:
        return SkillTest(expected, se, 1.0 if se == 0 else math.nan)
    return SkillTest(expected, se, math.erfc(abs(score - expected) / se / math.sqrt(2)))


def chance_distribution(metric: Metric, fold: Fold, others: Sequence[np.ndarray] = ()) -> ChanceDistribution:
    """Mean and variance of a score over all permutations of the predictions of groups.

    A group takes the predictions of another group in their order, and repeats them where the other group has fewer
    scans. The variance of constant predictions is 0. The ranks of an AUC change where groups of different sizes take
    each other's predictions: its mean and variance are estimated from 2,000 permutations, drawn with a fixed seed. With
    more than 1,500 scans only people at equal distances enter, and the variance is scaled to the number of all people.

    Parameters
    ----------
    metric : Metric
    fold : (targets, predictions, groups)
        A test part.
    others : sequence of ndarray
        Predictions of the same scans by further seeds; the scores of all seeds are averaged.

    Returns
    -------
    ChanceDistribution
        NaN where the score is not a sum over pairs of a target and a prediction.

    References
    ----------
    Hoeffding, Annals of Mathematical Statistics 1951.
    """
    y, predictions, groups = fold
    everybody = group_index(y, groups)
    rows = _thinned(everybody)
    y, answers = np.asarray(y)[rows], [np.asarray(p)[rows] for p in (predictions, *others)]
    member = np.unique(everybody[rows], return_inverse=True)[1]
    tables = [pair_contributions(metric, y, p) for p in answers]
    if any(table is None for table in tables):
        return ChanceDistribution(math.nan, math.nan)
    if metric.name == "auc" and not same_sizes(member):
        scores = np.mean([drawn_areas(y.astype(int), p, member) for p in answers], axis=0)
        expected, variance, exact = float(scores.mean()), float(scores.var()), False
        variance *= bool(np.ptp(scores) > ROUNDING)
    else:
        score = float(np.mean([metric(y, p) for p in answers]))
        expected, variance = _summed(score, np.mean(tables, axis=0), member)
        exact = len(rows) == len(everybody)
    return ChanceDistribution(expected, variance * (int(member.max()) + 1) / (int(everybody.max()) + 1), exact)


def _summed(score: float, table: np.ndarray, member: np.ndarray) -> tuple[float, float]:
    """Mean and variance of the score over all permutations, exactly. score: of the targets as they are."""
    table = centred(table) if same_sizes(member) else table
    whole = over_groups(table, member)
    people, shift = len(whole), float(whole.sum() / len(whole))
    expected = float(score - np.trace(table)) + (shift if abs(shift) > ROUNDING else 0.0)
    contributions = centred(whole)
    contributions[np.abs(contributions) < ROUNDING] = 0.0
    return expected, float((contributions**2).sum() / (people - 1)) if people > 1 else 0.0


def _thinned(member: np.ndarray) -> np.ndarray:
    """Rows of people at equal distances; all rows where there are few."""
    step = -(-len(member) // MOST)
    return np.flatnonzero(member % step == 0)


def pair_contributions(metric: Metric, y: np.ndarray, p: np.ndarray) -> np.ndarray | None:
    """Contributions of every target and every prediction to a score.

    The sum over a pairing of targets with predictions is the score of that pairing, up to a constant.

    Parameters
    ----------
    metric : Metric
    y : ndarray of shape (N,)
        Targets of a part.
    p : ndarray of shape (N, K) or (N,)
        Predictions.

    Returns
    -------
    ndarray of shape (N, N) or None
        Of the target of a scan (row) and the prediction of a scan (column). None where the metric is not such a sum, or
        is not defined for the part.
    """
    if task_kind(metric.kind).per_voxel or not np.isfinite(metric(y, p)):
        return None
    if metric.each is not None:
        number = len(y)
        pairs = np.repeat(y, number, axis=0), np.tile(p, (number,) + (1,) * (p.ndim - 1))
        return metric.values(*pairs).reshape(number, number) / number
    return {"auc": _ranks, "balanced_accuracy": _calls}.get(metric.name, lambda y, p: None)(y.astype(int), p)


def _ranks(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Contributions to the area under the ROC curve, by the rank sum of Mann and Whitney; several classes: the mean."""
    from scipy.stats import rankdata

    classes = [1] if p.shape[1] == 2 else range(p.shape[1])
    counts = [(y == k).sum() for k in classes]
    tables = [
        (y == k)[:, None] * rankdata(p[:, k])[None] / (n * (len(y) - n)) for k, n in zip(classes, counts, strict=True)
    ]
    return np.mean(tables, axis=0)


def _calls(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Contributions to balanced accuracy, the mean of the recalls."""
    return (y[:, None] == p.argmax(axis=1)[None]) / np.bincount(y)[y][:, None] / p.shape[1]
