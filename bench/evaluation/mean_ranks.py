"""Mean ranks of arms over data sets and their critical difference: Friedman and Nemenyi."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Ranks:
    """Mean ranks with their critical difference; NaN where there are fewer than two data sets or arms."""

    means: np.ndarray  # (K,) of the arms over data sets: 1 is best
    critical: float  # mean ranks further apart than this differ (Nemenyi)
    p: float  # of Friedman's test that all arms are alike
    sets: int
    level: float = 0.95

    @property
    def underpowered(self) -> bool:
        """True if the critical difference exceeds half of the range of ranks: so with fewer than about 10 sets."""
        return not self.critical <= (len(self.means) - 1) / 2


def rank_arms(scores: np.ndarray, level: float = 0.95) -> Ranks:
    """Mean ranks of K arms over N data sets, and the critical difference of Nemenyi.

    The critical difference is the quantile of the studentised range over the square root of 2, times sqrt(K (K + 1) /
    (6 N)). The unit is the data set: the uncertainty of the scores within a data set does not enter, and six data sets
    have very little power.

    Parameters
    ----------
    scores : ndarray of shape (N, K)
        Finite; higher is better. Ties share their ranks.
    level : float
        One minus the significance level.

    Returns
    -------
    Ranks

    References
    ----------
    Demsar, Journal of Machine Learning Research 2006.
    """
    from scipy.stats import friedmanchisquare, rankdata

    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f"ranks need finite scores (data sets, arms), not {scores!r}")
    number, arms = scores.shape
    ranks = rankdata(-scores, axis=1)
    if number < 2 or arms < 2:
        return Ranks(ranks.mean(axis=0) if number else np.full(arms, math.nan), math.nan, math.nan, number, level)
    critical = _studentised(level, arms) / math.sqrt(2) * math.sqrt(arms * (arms + 1) / (6 * number))
    alike = arms < 3 or (ranks == ranks[:, :1]).all()
    p = math.nan if alike else float(friedmanchisquare(*scores.T).pvalue)
    return Ranks(ranks.mean(axis=0), critical, p, number, level)


@cache
def _studentised(level: float, arms: int) -> float:
    """The quantile of the studentised range of standard normal numbers; cached, as it takes about a second."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(level, arms, math.inf))
