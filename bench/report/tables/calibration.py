"""Calibration: how often the class is true among scans with about the same predicted probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST, LEAST = 10, 2  # bins
EACH = 15  # people for a bin, on average


@dataclass(frozen=True)
class Reliability:
    """Scans in bins of equal width of their stated probability; empty bins are left out.

    low, high: 95 % interval of Wilson for the observed share. ece:
    sum over bins of share of the scans x |stated - observed| (Naeini et al. 2015), of these bins.
    """

    stated: np.ndarray  # (B,) mean probability
    observed: np.ndarray  # (B,) share that came true
    counts: np.ndarray  # (B,)
    edges: np.ndarray  # (B, 2) of the bins
    ece: float
    low: np.ndarray  # (B,)
    high: np.ndarray  # (B,)


def bins_for(people: int) -> int:
    """As many bins as the number of people allows: one for every 15, from 2 to 10."""
    return min(MOST, max(LEAST, people // EACH))


def reliability(y: np.ndarray, p: np.ndarray, bins: int = MOST) -> Reliability:
    """Two classes: the probability of class 1. More: that of the likeliest class, and whether it is the true one.

    y: (N,) class indices; p: (N, K). bins: of equal width.
    """
    from scipy.stats import binomtest

    binary = p.shape[1] == 2
    stated = p[:, 1] if binary else p.max(axis=1)
    came = (y == 1 if binary else p.argmax(axis=1) == y).astype(float)
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], stated)
    counts = np.bincount(place, minlength=bins)
    held = counts > 0
    sums = [np.bincount(place, weights=values, minlength=bins)[held] / counts[held] for values in (stated, came)]
    ece = float(np.sum(counts[held] / len(y) * np.abs(sums[0] - sums[1])))
    wins = np.bincount(place, weights=came, minlength=bins)[held].astype(int)
    tests = [binomtest(int(won), int(count)) for won, count in zip(wins, counts[held], strict=True)]
    ranges = np.array([test.proportion_ci(method="wilson")[:] for test in tests]).reshape(-1, 2)
    return Reliability(*sums, counts[held], np.stack([edges[:-1], edges[1:]], axis=1)[held], ece, *ranges.T)
