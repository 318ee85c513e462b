"""Random-effects meta-analysis: one difference over several data sets with the same metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PooledEffect:
    """The mean effect over a population of data sets, estimated from a sample of them; NaN where not defined."""

    mean: float
    se: float  # of Hartung & Knapp
    low: float
    high: float
    t: float
    df: int
    p: float
    tau2: float  # variance of the effect between data sets
    i2: float  # proportion of the variance that lies between data sets, in [0, 1]
    q: float  # Cochran's
    sets: int
    level: float = 0.95


def random_effects(effects: Sequence[float], errors: Sequence[float], level: float = 0.95) -> PooledEffect:
    """Random effects over data sets: DerSimonian & Laird (1986) with the interval of Hartung & Knapp (2001).

    Weights are 1 / (se^2 + tau^2), and the interval uses t with N - 1 degrees of freedom, which makes it very wide for
    two data sets: they are no evidence about other data sets. The interval is never narrower than the uncorrected one
    (Roever 2015), which effects that agree by chance would otherwise cause. The standard errors are assumed to be
    known; with few folds their estimates are poor.

    Parameters
    ----------
    effects : sequence of shape (N,)
        Effects of one contrast, in one metric and unit.
    errors : sequence of shape (N,)
        Their standard errors.
    level : float
        Coverage of the interval, in (0, 1).

    Returns
    -------
    PooledEffect
        NaN for fewer than two data sets, or where an error is 0 or not finite.
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
