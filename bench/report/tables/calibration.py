"""Calibration: how often the class is true among scans with about the same predicted probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Scans in bins of equal width of their stated probability; empty bins are left out.

    ece: sum over bins of share of the scans x |stated - observed| (Naeini et al. 2015), of these bins.
    """

    stated: np.ndarray  # (B,) mean probability
    observed: np.ndarray  # (B,) share that came true
    counts: np.ndarray  # (B,)
    edges: np.ndarray  # (B, 2) of the bins
    ece: float


def reliability(y: np.ndarray, p: np.ndarray) -> Reliability:
    """Two classes: the probability of class 1. More: that of the likeliest class, and whether it is the true one.

    y: (N,) class indices; p: (N, K).
    """
    binary = p.shape[1] == 2
    stated = p[:, 1] if binary else p.max(axis=1)
    came = (y == 1 if binary else p.argmax(axis=1) == y).astype(float)
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], stated)
    counts = np.bincount(place, minlength=BINS)
    held = counts > 0
    sums = [np.bincount(place, weights=values, minlength=BINS)[held] / counts[held] for values in (stated, came)]
    ece = float(np.sum(counts[held] / len(y) * np.abs(sums[0] - sums[1])))
    return Reliability(*sums, counts[held], np.stack([edges[:-1], edges[1:]], axis=1)[held], ece)
