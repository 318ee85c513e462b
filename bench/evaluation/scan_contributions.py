"""What each scan contributes to the score of a part: the values whose mean is the score.

For a mean over scans they are the scores of the scans. For the area under the ROC curve they are the placements of
DeLong: the share of the scans of the other class that are ordered correctly with a scan. For every other metric they
are pseudo-values of the infinitesimal jackknife: the score plus the number of scans times the derivative of the score
by the weight of the scan. The variance of such values over people is the variance of the score over test people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.evaluation.delong import placements
from bench.evaluation.metrics import Metric

STEP = 1e-4  # of a weight, for the derivative


@dataclass(frozen=True)
class Contributions:
    """The values of the scans of a part.

    Attributes
    ----------
    values : ndarray of shape (N,)
        In the unit of the metric; NaN where the part defines no score.
    strata : ndarray of shape (N,)
        The mean of the values of each stratum is the score: the class of a scan for an area under the ROC curve, 0 for
        all scans otherwise.
    """

    values: np.ndarray
    strata: np.ndarray


def contributions(metric: Metric, y: np.ndarray, p: np.ndarray) -> Contributions:
    """The contribution of each scan to the score of a part.

    Parameters
    ----------
    metric : Metric
    y, p : ndarray
        Targets and predictions of the part, in the shapes of `bench.evaluation.metrics`.

    Returns
    -------
    Contributions
        NaN values where the score of the part is undefined.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Efron, JRSS B 1992 (infinitesimal jackknife).
    """
    y, p = np.asarray(y), np.asarray(p)
    whole = np.zeros(len(y), dtype=int)
    if metric.each is not None:
        return Contributions(np.asarray(metric.values(y, p), dtype=float), whole)
    score = metric(y, p)
    if np.isnan(score):
        return Contributions(np.full(len(y), np.nan), whole)
    if metric.name == "auc" and p.shape[1] == 2:
        positive = y == 1
        return Contributions(placements(positive, p[:, 1]), positive.astype(int))
    return Contributions(_pseudo_values(metric, y, p, score), whole)


def _pseudo_values(metric: Metric, y: np.ndarray, p: np.ndarray, score: float) -> np.ndarray:
    """(N,) score + N d score / d weight, by central differences; centred, so that their mean is the score."""
    number = len(y)
    up, down = (metric.batch(y, p, np.ones((number, number)) + side * STEP * np.eye(number)) for side in (1, -1))
    slope = (up - down) / (2 * STEP)
    lost = number / max(1, number - 1)  # the slopes of a part sum to 0
    return score + number * (slope - slope.mean()) * np.sqrt(lost)
