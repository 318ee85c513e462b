"""A score inside strata of people, such as those of one site: its interval, and what the plain score has beyond it.

A score that ranks scans (the area under the ROC curve) compares scans of one model and one stratum only, and counts
these cells by the pairs that they compare: the covariate-adjusted area of Janes & Pepe. Other scores are computed over
all scans of a stratum, and strata count by their scans. The variance is over people, whose influence on the score is
averaged over partitions and seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.evaluation.metrics import Metric
from bench.evaluation.scan_contributions import contributions


@dataclass(frozen=True)
class LabelledPart:
    """The test part of one model, with the stratum of each scan.

    Attributes
    ----------
    y, p : ndarray
        Targets and predictions of N scans, in the shapes of `bench.evaluation.metrics`.
    people : ndarray of shape (N,)
        Group of each scan.
    strata : ndarray of shape (N,)
        Number of the stratum of each scan; negative: the scan is left out.
    """

    y: np.ndarray
    p: np.ndarray
    people: np.ndarray
    strata: np.ndarray


@dataclass(frozen=True)
class StratifiedScore:
    """A score of trained models on the people of some strata; NaN where it is undefined.

    Attributes
    ----------
    score, se, low, high : float
        The score, its standard error and its interval, in the unit of the metric.
    names : ndarray of shape (P,)
        The people that it rests on, sorted.
    influences : ndarray of shape (P,)
        By how much each of them moves the score.
    """

    score: float
    se: float
    low: float
    high: float
    names: np.ndarray
    influences: np.ndarray

    @property
    def people(self) -> int:
        """Number of people that the score rests on."""
        return len(self.names)


NOTHING = StratifiedScore(math.nan, math.nan, math.nan, math.nan, np.array([], dtype=str), np.array([]))


def stratified_score(
    metric: Metric, passes: Sequence[Sequence[LabelledPart]], more: float = 1.0, level: float = 0.95
) -> StratifiedScore:
    """The score inside strata: scans are compared with scans of their own stratum only.

    Parameters
    ----------
    metric : Metric
    passes : sequence of sequences of LabelledPart
        For each pass over the people (a partition and a seed) the parts of its folds.
    more : float
        Factor by which folds that share training scans increase the variance, see `bench.evaluation.inflation`.
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    StratifiedScore
        NaN if no stratum defines a score.

    References
    ----------
    Janes & Pepe, Biometrika 2009; DeLong, DeLong & Clarke-Pearson, Biometrics 1988.
    """
    return _over_passes(metric, [_one_pass(metric, parts, metric.ranks, False) for parts in passes], more, level)


def plain_score(
    metric: Metric, passes: Sequence[Sequence[LabelledPart]], more: float = 1.0, level: float = 0.95
) -> StratifiedScore:
    """The mean over folds of the score of all scans, as tables of scores have it; strata play no part.

    Parameters
    ----------
    metric, passes, more, level
        As in `stratified_score`.

    Returns
    -------
    StratifiedScore
        NaN if no fold has a score.
    """
    whole = [[replace(part, strata=np.zeros(len(part.people), dtype=int)) for part in parts] for parts in passes]
    return _over_passes(metric, [_one_pass(metric, parts, True, True) for parts in whole], more, level)


def score_change(before: StratifiedScore, after: StratifiedScore, level: float = 0.95) -> StratifiedScore:
    """The change from one score to another of the same models on the same or on fewer people.

    Parameters
    ----------
    before, after : StratifiedScore
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    StratifiedScore
        `after` less `before`; NaN if one of them is undefined.
    """
    from scipy.special import ndtri

    names = np.union1d(before.names, after.names)
    influences = np.zeros(len(names))
    for found, sign in ((after, 1), (before, -1)):
        influences[np.searchsorted(names, found.names)] += sign * found.influences
    change, se = after.score - before.score, float(np.sqrt((influences**2).sum()))
    if math.isnan(change):
        return NOTHING
    reach = float(ndtri((1 + level) / 2)) * se
    return StratifiedScore(change, se, change - reach, change + reach, names, influences)


def change_p(change: StratifiedScore) -> float:
    """Two-sided p of a change of 0, by the normal law.

    Parameters
    ----------
    change : StratifiedScore
        As `score_change` returns it.

    Returns
    -------
    float
        NaN if there is no standard error.
    """
    from scipy.special import ndtr

    if math.isnan(change.score) or not change.se > 0:
        return math.nan
    return 2 * float(ndtr(-abs(change.score) / change.se))


def strata_differ(scores: Sequence[StratifiedScore]) -> float:
    """P of equal scores in strata that share no people: Cochran's Q, chi-squared.

    Parameters
    ----------
    scores : sequence of StratifiedScore
        One for each stratum; those without a standard error are left out.

    Returns
    -------
    float
        NaN with fewer than two strata.

    References
    ----------
    Cochran, Biometrics 1954.
    """
    from scipy.special import chdtrc

    usable = [(each.score, each.se) for each in scores if each.se > 0]
    if len(usable) < 2:
        return math.nan
    values, errors = np.array(usable).T
    weights = errors**-2
    statistic = float((weights * (values - (weights * values).sum() / weights.sum()) ** 2).sum())
    return float(chdtrc(len(usable) - 1, statistic))


def _one_pass(
    metric: Metric, parts: Sequence[LabelledPart], by_fold: bool, equal: bool
) -> tuple[float, np.ndarray, np.ndarray]:
    """The score of one pass, and the people and influences of its scans."""
    kept = [(number, part, part.strata >= 0) for number, part in enumerate(parts)]
    kept = [(number, part, rows) for number, part, rows in kept if rows.any()]
    if not kept:
        return math.nan, np.array([], dtype=str), np.array([])
    y, p, people, strata = (
        np.concatenate([getattr(part, name)[rows] for _, part, rows in kept]) for name in ("y", "p", "people", "strata")
    )
    folds = np.concatenate([np.full(rows.sum(), number) for number, _, rows in kept])
    cells = _cells(metric, (y, p, people), strata, folds if by_fold else np.zeros_like(folds))
    if not cells:
        return math.nan, np.array([], dtype=str), np.array([])
    weights = np.array([1.0 if equal else cell.weight for cell in cells])
    weights = weights / weights.sum()
    score = float(sum(weight * cell.score for weight, cell in zip(weights, cells, strict=True)))
    influences = np.zeros(len(y))
    for label in {cell.label for cell in cells}:
        _add_influences(influences, people, [(w, c) for w, c in zip(weights, cells, strict=True) if c.label == label])
    used = np.concatenate([cell.rows for cell in cells])
    return score, people[used], influences[used]


@dataclass(frozen=True)
class _Cell:
    """Scans that are compared with each other: their score, its contributions, and the weight of the score."""

    label: int
    rows: np.ndarray
    values: np.ndarray
    classes: np.ndarray  # as in `Contributions.strata`
    score: float
    weight: float


def _cells(
    metric: Metric, arrays: tuple[np.ndarray, np.ndarray, np.ndarray], strata: np.ndarray, folds: np.ndarray
) -> list[_Cell]:
    """The cells that define a score."""
    y, p, people = arrays
    cells = []
    for fold, label in sorted(set(zip(folds.tolist(), strata.tolist(), strict=True))):
        rows = np.flatnonzero((folds == fold) & (strata == label))
        made = contributions(metric, y[rows], p[rows], people[rows])
        if np.isfinite(made.values).all():
            counts = np.unique(made.strata, return_counts=True)[1]
            weight = float(np.prod(counts)) if len(counts) > 1 else float(len(rows))
            score = float(made.values[made.strata == made.strata[0]].mean())
            cells.append(_Cell(label, rows, made.values, made.strata, score, weight))
    return cells


def _add_influences(influences: np.ndarray, people: np.ndarray, cells: Sequence[tuple[float, _Cell]]) -> None:
    """Write the influences of the scans of one stratum: their distance from its score, by their weight in the total.

    The distance is from the score of the stratum over all folds, since a class of one person has none from its own.
    """
    total = sum(weight for weight, _ in cells)
    centre = sum(weight * cell.score for weight, cell in cells) / total
    for number in {int(label) for _, cell in cells for label in cell.classes}:
        mine = [(weight, cell, cell.classes == number) for weight, cell in cells]
        count = len({name for _, cell, at in mine for name in people[cell.rows[at]].tolist()})
        factor = math.sqrt(count / (count - 1)) if count > 1 else 1.0
        for weight, cell, at in mine:
            influences[cell.rows[at]] = factor * weight * (cell.values[at] - centre) / max(1, at.sum())


def _over_passes(
    metric: Metric, found: Sequence[tuple[float, np.ndarray, np.ndarray]], more: float, level: float
) -> StratifiedScore:
    """The mean over passes, with the variance over people of their mean influence."""
    usable = [each for each in found if not math.isnan(each[0])]
    if not usable:
        return NOTHING
    score = float(np.mean([each[0] for each in usable]))
    everybody, place = np.unique(np.concatenate([each[1] for each in usable]), return_inverse=True)
    sums = np.bincount(place, np.concatenate([each[2] for each in usable]), len(everybody)) / len(usable)
    influences = math.sqrt(more) * sums
    se = float(np.sqrt((influences**2).sum()))
    return StratifiedScore(score, se, *_bounds(metric, score, se, level), everybody, influences)


def _bounds(metric: Metric, score: float, se: float, level: float) -> tuple[float, float]:
    """A normal interval, on the logit scale between 0 and 1; NaN where nothing varies."""
    from scipy.special import expit, logit, ndtri

    if not se > 0:
        return math.nan, math.nan
    reach = float(ndtri((1 + level) / 2)) * se
    if (metric.low, metric.high) == (0, 1) and 0 < score < 1:
        middle, reach = logit(score), reach / (score * (1 - score))
        return float(expit(middle - reach)), float(expit(middle + reach))
    return max(metric.low, score - reach), min(metric.high, score + reach)
