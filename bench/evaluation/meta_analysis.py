"""A difference over several data sets that are judged by one metric: random effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PooledEffect:
    """The mean of an effect over a population of data sets, of which some were seen; NaN where it cannot be told."""

    mean: float
    se: float  # of Hartung & Knapp
    low: float
    high: float
    t: float
    df: int
    p: float
    tau2: float  # variance of the effect between data sets
    i2: float  # share of the variance seen that lies between data sets: in [0, 1]
    q: float  # Cochran's
    sets: int
    level: float = 0.95


def random_effects(effects: Sequence[float], errors: Sequence[float], level: float = 0.95) -> PooledEffect:
    """Random effects over data sets: DerSimonian & Laird (1986) with the interval of Hartung & Knapp (2001).

    effects: (N,) of one contrast in one metric and unit, errors: (N,) their standard errors. Weights are 1 / (se^2 +
    tau^2), and the interval is that of t with N - 1 degrees of freedom, which two data sets make very wide: they are
    not evidence of other ones. The interval is never narrower than the one without that correction (Roever 2015), as
    effects that agree by chance would make it. The errors are taken as known, and with few folds they are estimated
    badly. Fewer than two data sets, or an error that is 0 or no number, give NaN.
    """
    from scipy.special import stdtr, stdtrit

    x, v = np.asarray(effects, dtype=float), np.asarray(errors, dtype=float) ** 2
    if x.shape != v.shape or x.ndim != 1:
        raise ValueError(f"{x.shape} effects do not fit {v.shape} errors")
    if len(x) < 2 or not np.isfinite([x, v]).all() or not (v > 0).all():
        nothing = math.nan
        return PooledEffect(*[nothing] * 5, max(len(x) - 1, 0), *[nothing] * 4, len(x), level)
    df = len(x) - 1
    q, tau2 = _between(x, v)
    w = 1 / (v + tau2)
    mean = float((w * x).sum() / w.sum())
    spread = max(1.0, float((w * (x - mean) ** 2).sum() / df))
    se = math.sqrt(spread / w.sum())
    t = mean / se
    reach = float(stdtrit(df, (1 + level) / 2)) * se
    p = 2 * float(stdtr(df, -abs(t)))
    i2 = max(0.0, (q - df) / q) if q > 0 else 0.0
    return PooledEffect(mean, se, mean - reach, mean + reach, t, df, p, tau2, i2, q, len(x), level)


def _between(x: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """Cochran's Q, and the variance between data sets by the method of moments."""
    w = 1 / v
    q = float((w * (x - (w * x).sum() / w.sum()) ** 2).sum())
    return q, max(0.0, (q - (len(x) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
