"""The detectable difference: what the test that decides finds in 80 % of studies, after Holm's correction."""

from __future__ import annotations

import math

POWER = 0.8
ALPHA = 0.05


def power(difference: float, se: float, df: float, tests: int = 1, alpha: float = ALPHA) -> float:
    """The probability that a two-sided t-test shows a true difference.

    Parameters
    ----------
    difference : float
        True difference.
    se : float
        Standard error of its estimate, in the same unit.
    df : float
        Degrees of freedom with which the standard error is estimated.
    tests : int
        Number of tests that share Holm's correction. The power is that of its first step, alpha / tests.
    alpha : float
        Family-wise level.

    Returns
    -------
    float
        In [0, 1].
    """
    from scipy.special import nctdtr, stdtrit  # `scipy.stats.nct` is the same, and its import takes a second

    if se <= 0:
        return 1.0 if difference else 0.0
    critical, away = float(stdtrit(df, 1 - alpha / tests / 2)), abs(difference) / se
    above, below = 1 - float(nctdtr(df, away, critical)), float(nctdtr(df, away, -critical))
    if not math.isfinite(above):
        return float(away > critical)
    return min(1.0, above + (below if math.isfinite(below) else 0.0))  # scipy has NaN for some negligible tails


def detectable(se: float, df: float, tests: int = 1, alpha: float = ALPHA, wanted: float = POWER) -> float:
    """The true difference that a two-sided t-test shows with probability `wanted`.

    Parameters
    ----------
    se, df, tests, alpha
        As for `power`.
    wanted : float
        Power, in (0, 1).

    Returns
    -------
    float
        In the unit of `se`; 0 where the error is 0, NaN where it is unknown.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri, stdtrit

    if not math.isfinite(se) or not math.isfinite(df) or tests < 1:
        return math.nan
    if se <= 0:
        return 0.0
    critical = float(stdtrit(df, 1 - alpha / tests / 2))
    if df > 200:  # the noncentral t is then a shifted normal to three digits
        return (critical + float(ndtri(wanted))) * se
    low, high = critical / 2, 2 * critical + 10
    return float(brentq(lambda away: power(away, 1.0, df, tests, alpha) - wanted, low, high, xtol=1e-6)) * se


def detectable_range(
    se: float, df: float, tests: int = 1, level: float = 0.95, alpha: float = ALPHA
) -> tuple[float, float]:
    """The interval of the detectable difference, as its standard error is an estimate with `df` degrees of freedom.

    Parameters
    ----------
    se : float
        Estimated standard error of the difference.
    df : float
        Its degrees of freedom.
    tests : int
        Tests that share Holm's correction.
    level : float
        Confidence level of the interval.
    alpha : float
        Level of the tests.

    Returns
    -------
    (float, float)
        In the unit of `se`, by the chi-squared distribution of the variance.
    """
    from scipy.special import chdtri

    middle = detectable(se, df, tests, alpha)
    if not math.isfinite(middle):
        return math.nan, math.nan
    sides = (math.sqrt(df / float(chdtri(df, tail))) for tail in ((1 - level) / 2, (1 + level) / 2))
    low, high = sorted(sides)
    return middle * low, middle * high
