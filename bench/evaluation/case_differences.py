"""Differences of methods from a table of scores, one for each case: the paired t-test and its interval.

The methods are those that made the table, as they were trained: nothing is known of folds, partitions or seeds, so the
variance of training is in no interval, and a claim is one about these trained models on new cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation.fold_tests import holm


@dataclass(frozen=True)
class CaseDifference:
    """The paired difference of two methods over cases.

    Attributes
    ----------
    arm, against : str
        Names of the methods.
    mean, sd, low, high : float
        Mean and standard deviation of arm - against, and the 95 % interval of the mean by Student's t.
    p, p_holm : float
        Two-sided p of the paired t-test, and after Holm's correction over all differences of the table.
    cases, higher : int
        Number of cases, and of those in which the arm has the higher score.
    """

    arm: str
    against: str
    mean: float
    sd: float
    low: float
    high: float
    p: float
    p_holm: float
    cases: int
    higher: int


def case_differences(scores: Mapping[str, np.ndarray], against: str, level: float = 0.95) -> list[CaseDifference]:
    """Compare every method with one of them.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (N,)
        Method -> its scores of the same cases in the same order; finite numbers.
    against : str
        The method that the others are compared with.
    level : float
        Coverage of the intervals, in (0, 1).

    Returns
    -------
    list of CaseDifference
        In the order of the methods. Without a spread, or with one case, interval and p are NaN.
    """
    methods = [name for name in scores if name != against]
    rows = [_moments(scores[name] - scores[against], level) for name in methods]
    adjusted = holm([row[-1] for row in rows])
    return [
        CaseDifference(
            name, against, *row, float(corrected), len(scores[name]), int((scores[name] > scores[against]).sum())
        )
        for name, row, corrected in zip(methods, rows, adjusted, strict=True)
    ]


def _moments(values: np.ndarray, level: float) -> tuple[float, float, float, float, float]:
    """Mean, standard deviation, low, high and p of the mean."""
    from scipy.stats import t

    count, mean = len(values), float(values.mean())
    sd = float(values.std(ddof=1)) if count > 1 else math.nan
    if not sd > 0:
        return mean, sd, math.nan, math.nan, math.nan
    error = sd / math.sqrt(count)
    half = float(t.ppf(0.5 + level / 2, count - 1)) * error
    return mean, sd, mean - half, mean + half, float(2 * t.sf(abs(mean) / error, count - 1))


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """The mean of the scores of one method, with its interval by Student's t.

    Parameters
    ----------
    values : sequence of float of shape (N,)
        Scores of cases.
    level : float
        Coverage, in (0, 1).

    Returns
    -------
    mean, low, high : float
        The bounds are NaN without a spread.
    """
    mean, _, low, high, _ = _moments(np.asarray(values, dtype=float), level)
    return mean, low, high
