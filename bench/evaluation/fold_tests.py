"""Tests of one *method* against another. The unit is the difference of two arms in one fold of one partition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from bench.evaluation.person_test import PeopleTest

REACH = NormalDist().inv_cdf(0.975)  # half-width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class Contrast:
    """The tested difference of two methods; NaN where a test is not possible.

    Attributes
    ----------
    mean, low, high : float
        Mean difference and its interval, in the unit of the differences.
    se : float
        Standard error, corrected for the overlap of the training parts.
    t, df, p : float
        Statistic, degrees of freedom, and the two-sided p before any correction for several contrasts.
    level : float
        Coverage of the interval, in (0, 1).
    reason : str
        Why there is no p; empty if there is one.
    """

    about: ClassVar[str] = "the methods, over folds and partitions"
    mean: float
    se: float
    low: float
    high: float
    t: float
    df: float
    p: float
    level: float = 0.95
    reason: str = ""


def corrected_interval(
    differences: np.ndarray,
    train_sizes: np.ndarray | Sequence[float] | float,
    test_sizes: np.ndarray | Sequence[float] | float,
    level: float = 0.95,
    people: tuple[float, int] | None = None,
) -> Contrast:
    """The corrected resampled t-test of Nadeau & Bengio (2003), with its interval, for differences over folds.

    The training parts of the folds overlap, so the differences are not independent: their variance s^2 is multiplied by
    1/J + n_test/n_train instead of 1/J (Bouckaert & Frank 2004 do so for repeated k-fold), with J - 1 degrees of
    freedom. The factor is a rule of thumb. In simulations of the protocol the test rejects true nulls in about 5 % or
    less; without a separate validation part, it would reject them in 9 % for the AUC of methods with nothing to learn,
    over 2 x 5 folds.

    Identical arms (all differences 0) give p = 1. One difference, or equal differences other than 0, do not determine
    their error: p and interval are NaN, with the reason.

    Parameters
    ----------
    differences : ndarray of shape (J,)
        Differences of two arms, one for each fold of each partition, averaged over seeds first.
    train_sizes, test_sizes : float or sequence of shape (J,)
        Number of scans of the training part (without the validation part) and of the test part.
    level : float
        Coverage of the interval, in (0, 1).
    people : (float, int) or None
        Variance of the mean difference due to people, and their number, where all folds are tested on the same people.
        Averaging over folds does not reduce this variance, so it is added, with degrees of freedom by Welch and
        Satterthwaite. In simulations with 20 and 60 people the test then rejects true nulls in 2 to 6 %, and without it
        in 14 to 40 %.

    Returns
    -------
    Contrast
        In the unit of the differences.

    Raises
    ------
    ValueError
        If a difference is not finite: see `paired`.

    References
    ----------
    Nadeau & Bengio, Machine Learning 2003; Bouckaert & Frank, PAKDD 2004.
    """
    d = _finite(differences)
    ratio = _size_ratio(len(d), train_sizes, test_sizes)
    mean = float(d.mean()) if len(d) else math.nan
    if len(d) < 2:
        return _untested(mean, math.nan, 0, level, f"{len(d)} difference{'s' * (len(d) != 1)}: at least 2 are needed")
    if people and math.isnan(people[0]):
        return _untested(
            mean, math.nan, 0, level, "no predictions are saved for the people that all folds are tested on"
        )
    variance, df = _with_people(_over_folds(d, ratio), len(d) - 1, *(people or (0.0, 0)))
    return _tested(mean, math.sqrt(variance), df, level) if variance else _equal_differences(mean, df, level)


def _finite(differences: np.ndarray) -> np.ndarray:
    d = np.asarray(differences, dtype=float)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError(f"differences must be (J,) finite numbers, not {d!r}")
    return d


def _over_folds(d: np.ndarray, ratio: float) -> float:
    """The variance of the mean of the differences from their spread; 0 where the spread is rounding error."""
    spread = np.ptp(d) > 1e-12 * max(1.0, np.abs(d).max())
    return float(d.var(ddof=1)) * (1 / len(d) + ratio) if spread else 0.0


def _with_people(variance: float, df: float, extra: float, people: int) -> tuple[float, float]:
    """Variance and degrees of freedom with the variance due to people (Welch 1947, Satterthwaite 1946)."""
    if extra <= 1e-24 or people < 2:
        return variance, df
    return variance + extra, (variance + extra) ** 2 / (variance**2 / df + extra**2 / (people - 1))


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p values for several tests by the step-down procedure of Holm.

    The procedure controls the family-wise error rate, the probability of any false claim.

    Parameters
    ----------
    p : sequence of float of shape (m,)
        p values in [0, 1]. NaN (no test) stays NaN and is not counted.

    Returns
    -------
    ndarray of shape (m,)
        Adjusted p values, in the same order.

    References
    ----------
    Holm, Scandinavian Journal of Statistics 1979.
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
    return Contrast(mean, se, mean - reach, mean + reach, t, df, p, level)


def _equal_differences(mean: float, df: float, level: float) -> Contrast:
    """The contrast where all differences are equal."""
    if abs(mean) <= 1e-12:
        return Contrast(0.0, 0.0, 0.0, 0.0, 0.0, df, 1.0, level)
    return _untested(mean, 0.0, df, level, "the difference is the same in every fold: its error is unknown")


def _untested(mean: float, se: float, df: float, level: float, reason: str) -> Contrast:
    return Contrast(mean, se, math.nan, math.nan, math.nan, df, math.nan, level, reason)


def _size_ratio(number: int, train_sizes: np.ndarray, test_sizes: np.ndarray) -> float:
    """The mean of n_test / n_train over the folds."""
    train, test = (np.asarray(sizes, dtype=float) for sizes in (train_sizes, test_sizes))
    if any(sizes.shape not in ((), (number,)) or (sizes <= 0).any() for sizes in (train, test)):
        raise ValueError(
            f"sizes of the parts must be positive, one or {number} of them: {train_sizes!r}, {test_sizes!r}"
        )
    return float(np.mean(test / train)) if number else math.nan


@dataclass(frozen=True)
class Improvement:
    """The proportion of folds in which an arm is better; ties count half. NaN without a fold."""

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

    The interval is that of Wilson (1927) for J / (1 + J n_test / n_train) independent folds instead of J: the corrected
    test makes the same correction for overlapping training parts. With five folds the interval is very wide, and it
    decides no claim: the test of the mean does.

    Parameters
    ----------
    differences : ndarray of shape (J,)
        Improvements of an arm, as for `corrected_interval`.
    train_sizes, test_sizes : float or sequence of shape (J,)
        Number of scans of the training and test parts.
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    Improvement
        Proportions, in [0, 1].
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


def equivalence(found: Contrast | PeopleTest, margin: float | None) -> float:
    """Test that two methods are equivalent: two one-sided tests with its t.

    Parameters
    ----------
    found : PeopleTest or Contrast
        The difference, from `people_test` or `corrected_interval`.
    margin : float or None
        Largest difference that counts as equivalent, in the unit of the differences; None: not declared.

    Returns
    -------
    float
        p, small where |difference| is below the margin. NaN where no margin was declared or the contrast was not
        tested.

    References
    ----------
    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 1987.
    """
    from scipy.special import stdtr

    if margin is None or math.isnan(found.p):
        return math.nan
    if found.se == 0:
        return 0.0 if abs(found.mean) < margin else 1.0
    above = stdtr(found.df, -(found.mean + margin) / found.se)
    below = stdtr(found.df, (found.mean - margin) / found.se)
    return float(max(above, below))
