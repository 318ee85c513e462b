"""Mean ranks of arms over data sets, and how far apart they must lie: Friedman and Nemenyi."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Ranks:
    """Mean ranks with their critical difference; NaN where there are fewer than two data sets or arms."""

    means: np.ndarray  # (K,) of the arms over data sets: 1 is best
    critical: float  # two mean ranks that lie further apart differ (Nemenyi)
    p: float  # Friedman: all arms are alike
    sets: int
    level: float = 0.95

    @property
    def underpowered(self) -> bool:
        """Whether two arms must lie more than half of all ranks apart to differ: so with fewer than about 10 sets."""
        return not self.critical <= (len(self.means) - 1) / 2


def ranked(scores: np.ndarray, level: float = 0.95) -> Ranks:
    """Ranks of K arms within each of N data sets, and the critical difference of Nemenyi (Demsar 2006).

    scores: (N, K), higher is better, none missing; ties share their ranks. The critical difference is the quantile of
    the studentised range over the square root of 2, times sqrt(K (K + 1) / (6 N)). The unit is the data set: how sure
    the score on one of them is has no part in it, and six data sets show very little.
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
    """The quantile of the range of so many standard normal numbers: a second's work."""
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(level, arms, math.inf))
