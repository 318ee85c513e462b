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

from bench.evaluation.bootstrap import Fold, inflation, members
from bench.evaluation.metrics import Metric

MOST = 1500  # scans of a part that are asked in pairs


@dataclass(frozen=True)
class ChanceDistribution:
    """What the score of a fold, seeds averaged, is by chance; NaN where that is not known."""

    expected: float  # over all permutations, its mean
    variance: float


@dataclass(frozen=True)
class SkillTest:
    """Whether predictions know anything of the people they are about."""

    expected: float  # what predictions without knowledge would score, the mean over folds
    se: float
    p: float  # two-sided


def knowledge(score: float, folds: Sequence[ChanceDistribution], number: int, correlation: float = 0.0) -> SkillTest:
    """Whether models score otherwise on their people than the same predictions would on others.

    score: the mean over folds. folds: of every partition. number: of folds in which everybody is tested once; further
    partitions test the same people again. correlation: of the errors of two folds, see
    `bench.evaluation.fold_correlation`; 1 where all folds are tested on the same people.

    Unlike the spread of differences over folds the variances are known: models that are right in every fold alike can
    be tested too, and five folds can tell a strong effect among dozens of methods. p is normal. Without the correlation
    predictions that know nothing would be taken to know something in up to 14 % of simulated cross-validations.
    """
    if not folds:
        return SkillTest(math.nan, math.nan, math.nan)
    expected, variance = (float(np.mean([getattr(each, name) for each in folds])) for name in ("expected", "variance"))
    se = math.sqrt(variance * inflation(number, correlation) / number)
    if math.isnan(se) or not se:
        return SkillTest(expected, se, 1.0 if se == 0 else math.nan)
    return SkillTest(expected, se, math.erfc(abs(score - expected) / se / math.sqrt(2)))


def by_chance(metric: Metric, fold: Fold, others: Sequence[np.ndarray] = ()) -> ChanceDistribution:
    """Mean and variance of a score over all permutations of the targets of groups.

    fold: targets, predictions and groups of a test part. others: predictions of the same scans by further seeds, whose
    scores are averaged. A group of several scans takes the targets of another one in their order, over and over where
    that has fewer. Predictions that are all alike have a variance of 0. Of more than 1,500 scans people at equal
    distances are asked, and the variance is that of so many more. NaN of a score that is no such sum.
    """
    y, said, groups = fold
    member = members(y, groups)
    kept = _thinned(member)
    y, answers = np.asarray(y)[kept], [np.asarray(p)[kept] for p in (said, *others)]
    tables = [together(metric, y, p) for p in answers]
    if any(table is None for table in tables):
        return ChanceDistribution(math.nan, math.nan)
    table = _centred(np.mean(tables, axis=0))
    expected = float(np.mean([metric(y, p) for p in answers]) - np.trace(table))
    found = _centred(_over_groups(table, np.unique(member[kept], return_inverse=True)[1]))
    found[np.abs(found) < 1e-12] = 0.0
    people = len(found)
    variance = float((found**2).sum() / (people - 1)) if people > 1 else 0.0
    return ChanceDistribution(expected, variance * people / (int(member.max()) + 1))


def _thinned(member: np.ndarray) -> np.ndarray:
    """Rows of people at equal distances, all where they are few."""
    step = -(-len(member) // MOST)
    return np.flatnonzero(member % step == 0)


def _centred(table: np.ndarray) -> np.ndarray:
    """What is left of pairs without what a target, and what a prediction, adds wherever it is."""
    return table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()


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
    people = int(member.max()) + 1
    if people == len(member):
        return table[np.ix_(np.argsort(member), np.argsort(member))]
    scans = [np.flatnonzero(member == group) for group in range(people)]
    place = np.empty(len(member), dtype=int)  # of a scan among those of its group
    for own in scans:
        place[own] = np.arange(len(own))
    rows = (table[own[place % len(own)], np.arange(len(member))] for own in scans)
    return np.stack([np.bincount(member, row, people) for row in rows])
