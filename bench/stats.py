"""How sure a score and a difference are. Two kinds of uncertainty, never mixed (the protocol's point 5):

- `corrected_interval`: is one *method* better than another? Its unit is the difference of two arms in one fold of one
  partition, seeds averaged first (`paired`); `holm` corrects over the contrasts that a study declared.
- `group_bootstrap`: how sure is the score of *these trained models* on new people? It says nothing of how the models
  would differ had they been trained on others, and never decides a claim: with fixed cross-validation predictions such
  an interval rejects true null contrasts of methods two to three times as often as it says.

`random_labels_verdict` judges the control that must find nothing. Random numbers come from the generator that is
handed in; nothing here reads a file or knows a method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

import numpy as np

from bench import metrics
from bench.metrics import Metric

Cell = tuple[int, int, int]  # partition, fold, seed
Scores = Mapping[Cell, float]  # of one arm; a cell that is not there, or NaN, is a missing score
PERMUTATIONS = 20  # of the labels, at least, for a verdict
_CHUNK = 4_000_000  # weights at a time: 32 MB


@dataclass(frozen=True)
class Contrast:
    """A difference of two methods, tested; NaN where it cannot be, with the reason."""

    about: ClassVar[str] = "the methods, over folds and partitions"
    mean: float
    se: float  # corrected for the folds' shared training scans
    low: float
    high: float
    t: float
    df: int
    p: float  # two-sided, before any correction for several contrasts
    minimum_detectable: float
    level: float = 0.95
    reason: str = ""  # why there is no p


@dataclass(frozen=True)
class Interval:
    """A score with its interval; NaN where no fold has a score."""

    about: ClassVar[str] = "these trained models on new people"
    estimate: float
    low: float
    high: float
    level: float
    repeats: int  # resamples that the interval rests on: those in which at least one fold has a score
    undefined: float = 0.0  # share of (resample, fold) without a score: only one class was drawn


@dataclass(frozen=True)
class Paired:
    """Arm - reference in every (partition, fold) that both have."""

    differences: np.ndarray  # (J,)
    cells: tuple[tuple[int, int], ...]  # (partition, fold) of each
    missing: tuple[Cell, ...]  # that only one of the two has, or that are planned and neither has: left out


@dataclass(frozen=True)
class Verdict:
    """What became of the random-label control."""

    mean: float
    se: float
    permutations: int
    chance: float
    verdict: str  # "passes", "fails" or "too few"

    @property
    def passes(self) -> bool:
        return self.verdict == "passes"


def average_seeds(scores: Scores) -> dict[tuple[int, int], float]:
    """The mean over seeds for each (partition, fold), in order. Missing seeds are left out."""
    folds: dict[tuple[int, int], list[float]] = {}
    for partition, fold, seed in sorted(scores):
        if math.isfinite(scores[partition, fold, seed]):
            folds.setdefault((partition, fold), []).append(scores[partition, fold, seed])
    return {cell: float(np.mean(values)) for cell, values in folds.items()}


def fold_mean(scores: Scores) -> float:
    """The score of a table: the mean over (partition, fold) of the means over seeds. NaN where there is none."""
    folds = average_seeds(scores)
    return float(np.mean(list(folds.values()))) if folds else math.nan


def paired(arm: Scores, reference: Scores, planned: Sequence[Cell] = ()) -> Paired:
    """Differences of two arms over the cells that both have, seeds averaged within each (partition, fold).

    planned: every cell that should be there, so that those which neither arm has are named as missing too.
    """
    has = [{cell for cell, score in scores.items() if math.isfinite(score)} for scores in (arm, reference)]
    both = has[0] & has[1]
    folds = average_seeds({cell: arm[cell] - reference[cell] for cell in both})
    missing = (set(arm) | set(reference) | {tuple(cell) for cell in planned}) - both
    return Paired(np.array(list(folds.values())), tuple(folds), tuple(sorted(missing)))


def corrected_interval(
    differences: np.ndarray,
    train_sizes: np.ndarray | Sequence[float] | float,
    test_sizes: np.ndarray | Sequence[float] | float,
    level: float = 0.95,
) -> Contrast:
    """The corrected resampled t-test of Nadeau & Bengio (2003), and its interval, for differences over folds.

    differences: (J,) of two arms, one for each fold of each partition, seeds averaged first. train_sizes, test_sizes:
    scans that each fold learnt from (its validation part not counted) and of its test part, (J,) or one number for
    all. The folds' training parts overlap, so the differences are no independent draws: their variance s^2 is taken
    times 1/J + n_test/n_train in place of 1/J (Bouckaert & Frank 2004 do so for repeated k-fold), with J - 1 degrees
    of freedom. The factor is a rule of thumb. In simulations of the protocol true nulls are rejected in about 5 % or
    less; were no validation part set aside, the AUC of methods with nothing to learn would be in 9 % over 2 x 5 folds.

    minimum_detectable: (z_.975 + z_.80) se (at `level` .95), the difference that a test with known variance finds
    with probability .80. The t-test must estimate the variance: its power there is .56 with 5 differences, .70 with
    10, .76 with 20.

    Identical arms (all differences 0) give p = 1. One difference, or equal ones other than 0, say nothing of their
    error: p and interval are NaN, with the reason. ValueError where a difference is no number: see `paired`.
    """
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError(f"differences are (J,) finite numbers, not {d!r}")
    ratio = _size_ratio(len(d), train_sizes, test_sizes)
    mean = float(d.mean()) if len(d) else math.nan
    if len(d) < 2:
        return _untested(mean, math.nan, 0, level, f"{len(d)} differences: at least 2 are needed")
    spread = np.ptp(d) > 1e-12 * max(1.0, np.abs(d).max())  # less is the rounding of equal differences
    se = math.sqrt(d.var(ddof=1) * (1 / len(d) + ratio)) if spread else 0.0
    if spread:
        return _tested(mean, se, len(d) - 1, level)
    if abs(mean) <= 1e-12:
        return Contrast(0.0, 0.0, 0.0, 0.0, 0.0, len(d) - 1, 1.0, 0.0, level)
    return _untested(mean, se, len(d) - 1, level, "the difference is the same in every fold: its error is unknown")


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """p values (m,) adjusted for m tests by Holm's step-down procedure (1979): it bounds the chance of any false claim.

    NaN (no test was made) stays NaN and is not counted.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def group_bootstrap(
    metric: Metric | str,
    folds: Sequence[tuple[np.ndarray, np.ndarray, Sequence]],
    rng: np.random.Generator,
    repeats: int = 2000,
    level: float = 0.95,
    spacing: Sequence[float] | None = None,
) -> Interval:
    """The mean over folds of a score, with its percentile interval over groups (Efron 1979; Davison & Hinkley 1997).

    It is the interval of *these trained models* on new people, not of the method: see the module. Even of them it
    covers somewhat less than it says (.88 to .92 for .95, in simulations of five folds of 32 scans): the folds are
    small, and each model learnt from the others' test parts.

    folds: for each model (targets, predictions, groups) of its test part, as `bench.metrics` takes them; groups (N,)
    name who may not be torn apart. Within every fold as many groups as it has are drawn with replacement, the score is
    taken within the fold, also where it ranks no scans, and the folds' scores are averaged: scores of different models
    are never pooled. A fold without a score is left out of the mean of that resample, and counted. spacing: mm, of
    label maps. ValueError without a fold.
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
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    undefined = 1 - counts.sum() / (len(folds) * repeats)
    return Interval(float(np.nanmean(points)), float(low), float(high), level, len(means), float(undefined))


def random_labels_verdict(scores: Sequence[float] | np.ndarray, chance: float) -> Verdict:
    """Whether a method that learnt from permuted labels scores as chance does: mean within 2 standard errors of it.

    scores: one for each permutation, folds and seeds averaged first; NaN is left out. Fewer than 20 are no verdict.
    It cannot see a leak that permuted labels share, such as the same person under two names.
    """
    scores = np.asarray(scores, dtype=float)
    scores = scores[np.isfinite(scores)]
    mean = float(scores.mean()) if len(scores) else math.nan
    se = float(scores.std(ddof=1) / math.sqrt(len(scores))) if len(scores) > 1 else math.nan
    if len(scores) < PERMUTATIONS:
        return Verdict(mean, se, len(scores), chance, "too few")
    passes = abs(mean - chance) <= 2 * se + 1e-12  # scores that all are chance differ from it by rounding
    return Verdict(mean, se, len(scores), chance, "passes" if passes else "fails")


def _tested(mean: float, se: float, df: int, level: float) -> Contrast:
    from scipy.special import stdtr, stdtrit

    t = mean / se
    reach = float(stdtrit(df, (1 + level) / 2)) * se
    p = 2 * float(stdtr(df, -abs(t)))
    return Contrast(mean, se, mean - reach, mean + reach, t, df, p, _detectable(se, level), level)


def _untested(mean: float, se: float, df: int, level: float, reason: str) -> Contrast:
    return Contrast(mean, se, math.nan, math.nan, math.nan, df, math.nan, math.nan, level, reason)


def _detectable(se: float, level: float) -> float:
    normal = NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(0.8)) * se


def _size_ratio(number: int, train_sizes: np.ndarray, test_sizes: np.ndarray) -> float:
    """The mean of n_test / n_train over the folds."""
    train, test = (np.asarray(sizes, dtype=float) for sizes in (train_sizes, test_sizes))
    if any(sizes.shape not in ((), (number,)) or (sizes <= 0).any() for sizes in (train, test)):
        raise ValueError(f"sizes of the parts are positive, one or {number} of them: {train_sizes!r}, {test_sizes!r}")
    return float(np.mean(test / train)) if number else math.nan


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
    y, p = np.asarray(y), np.asarray(p)
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    if member.shape != (len(y),):
        raise ValueError(f"{len(member)} groups for {len(y)} scans")
    number = int(member.max()) + 1
    counts = rng.multinomial(number, np.full(number, 1 / number), size=repeats)  # (repeats, groups)
    if metric.each is not None:  # once, not once a chunk: surfaces are dear
        sums = np.bincount(member, metric.values(y, p, spacing))
        return (counts * sums).sum(axis=1) / (counts * np.bincount(member)).sum(axis=1)
    rows = max(1, _CHUNK // len(y))
    parts = [np.take(counts[at : at + rows], member, axis=1) for at in range(0, repeats, rows)]  # in rows: quicker
    return np.concatenate([metric.batch(y, p, part, spacing) for part in parts])
