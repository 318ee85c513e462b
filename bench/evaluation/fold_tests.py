"""Is one *method* better than another? Its unit is the difference of two arms in one fold of one partition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

import numpy as np

REACH = NormalDist().inv_cdf(0.975)  # standard errors on either side of a 95 % interval


@dataclass(frozen=True)
class Contrast:
    """A difference of two methods, tested; NaN where it cannot be, with the reason."""

    about: ClassVar[str] = "the methods, over folds and partitions"
    mean: float
    se: float  # corrected for the folds' shared training scans
    low: float
    high: float
    t: float
    df: float
    p: float  # two-sided, before any correction for several contrasts
    minimum_detectable: float
    level: float = 0.95
    reason: str = ""  # why there is no p


def corrected_interval(
    differences: np.ndarray,
    train_sizes: np.ndarray | Sequence[float] | float,
    test_sizes: np.ndarray | Sequence[float] | float,
    level: float = 0.95,
    people: tuple[float, int] | None = None,
) -> Contrast:
    """The corrected resampled t-test of Nadeau & Bengio (2003), and its interval, for differences over folds.

    differences: (J,) of two arms, one for each fold of each partition, seeds averaged first. train_sizes, test_sizes:
    scans that each fold learnt from (its validation part not counted) and of its test part, (J,) or one number for
    all. The folds' training parts overlap, so the differences are no independent draws: their variance s^2 is taken
    times 1/J + n_test/n_train in place of 1/J (Bouckaert & Frank 2004 do so for repeated k-fold), with J - 1 degrees
    of freedom. The factor is a rule of thumb. In simulations of the protocol true nulls are rejected in about 5 % or
    less; were no validation part set aside, the AUC of methods with nothing to learn would be in 9 % over 2 x 5 folds.

    people: (variance of the mean difference, how many) of the people that all folds are tested on, where that is so.
    No fold averages it out: it is added, with degrees of freedom by Welch and Satterthwaite. Simulated with 20 and
    60 people, true nulls are then rejected in 2 to 6 %, and without it in 14 to 40 %.

    minimum_detectable: (z_.975 + z_.80) se (at `level` .95), the difference that a test with known variance finds
    with probability .80. The t-test must estimate the variance: its power there is .56 with 5 differences, .70 with
    10, .76 with 20.

    Identical arms (all differences 0) give p = 1. One difference, or equal ones other than 0, say nothing of their
    error: p and interval are NaN, with the reason. ValueError where a difference is no number: see `paired`.
    """
    d = _finite(differences)
    ratio = _size_ratio(len(d), train_sizes, test_sizes)
    mean = float(d.mean()) if len(d) else math.nan
    if len(d) < 2:
        return _untested(mean, math.nan, 0, level, f"{len(d)} difference{'s' * (len(d) != 1)}: at least 2 are needed")
    if people and math.isnan(people[0]):
        return _untested(
            mean, math.nan, 0, level, "what was said of the people that all folds are tested on is not kept"
        )
    variance, df = _with_people(_over_folds(d, ratio), len(d) - 1, *(people or (0.0, 0)))
    return _tested(mean, math.sqrt(variance), df, level) if variance else _alike(mean, df, level)


def _finite(differences: np.ndarray) -> np.ndarray:
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError(f"differences are (J,) finite numbers, not {d!r}")
    return d


def _over_folds(d: np.ndarray, ratio: float) -> float:
    """The variance of the mean of differences from their spread; 0 where that is the rounding of equal ones."""
    spread = np.ptp(d) > 1e-12 * max(1.0, np.abs(d).max())
    return float(d.var(ddof=1)) * (1 / len(d) + ratio) if spread else 0.0


def _with_people(variance: float, df: float, extra: float, people: int) -> tuple[float, float]:
    """Variance and degrees of freedom with the variance from people (Welch 1947, Satterthwaite 1946)."""
    if extra <= 1e-24 or people < 2:
        return variance, df
    return variance + extra, (variance + extra) ** 2 / (variance**2 / df + extra**2 / (people - 1))


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


def _tested(mean: float, se: float, df: float, level: float) -> Contrast:
    from scipy.special import stdtr, stdtrit

    t = mean / se
    reach = float(stdtrit(df, (1 + level) / 2)) * se
    p = 2 * float(stdtr(df, -abs(t)))
    return Contrast(mean, se, mean - reach, mean + reach, t, df, p, _detectable(se, level), level)


def _alike(mean: float, df: float, level: float) -> Contrast:
    """All differences are equal."""
    if abs(mean) <= 1e-12:
        return Contrast(0.0, 0.0, 0.0, 0.0, 0.0, df, 1.0, 0.0, level)
    return _untested(mean, 0.0, df, level, "the difference is the same in every fold: its error is unknown")


def _untested(mean: float, se: float, df: float, level: float, reason: str) -> Contrast:
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


@dataclass(frozen=True)
class Improvement:
    """In what share of folds an arm is better, ties counting half; NaN without a fold."""

    share: float
    low: float
    high: float


def improvement(
    differences: np.ndarray,
    train_sizes: np.ndarray | Sequence[float] | float,
    test_sizes: np.ndarray | Sequence[float] | float,
    level: float = 0.95,
) -> Improvement:
    """The probability that an arm is better in a fold, with its interval: the probability of improvement.

    differences: (J,) improvements, as of `corrected_interval`. The interval is that of Wilson (1927) for J / (1 + J
    n_test / n_train) independent folds in place of J: the same allowance for shared training parts that the corrected
    test makes. With five folds it is so wide that it says little, and it decides nothing: the test of the mean does.
    """
    d = np.asarray(differences, dtype=float)
    if not len(d):
        return Improvement(math.nan, math.nan, math.nan)
    number = len(d) / (1 + len(d) * _size_ratio(len(d), train_sizes, test_sizes))
    share = float(((d > 0) + 0.5 * (d == 0)).mean())
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    reach = z / (1 + z**2 / number) * math.sqrt(share * (1 - share) / number + z**2 / (4 * number**2))
    return Improvement(share, max(0.0, middle - reach), min(1.0, middle + reach))


def equivalence(found: Contrast, margin: float | None) -> float:
    """p of two one-sided tests (Schuirmann 1987) on the corrected t: small where a difference is less than the margin.

    NaN where no margin was declared or the contrast could not be tested.
    """
    from scipy.special import stdtr

    if margin is None or math.isnan(found.p):
        return math.nan
    if found.se == 0:
        return 0.0 if abs(found.mean) < margin else 1.0
    above = stdtr(found.df, -(found.mean + margin) / found.se)
    below = stdtr(found.df, (found.mean - margin) / found.se)
    return float(max(above, below))
