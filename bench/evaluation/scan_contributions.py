"""What each scan contributes to the score of a part: the values whose mean is the score.

For a mean over scans they are the scores of the scans. For the area under the ROC curve they are the placements of
DeLong: the share of the scans of the other class that are ordered correctly with a scan. For every other metric they
are pseudo-values of the jackknife, which show by how much the score changes without the scans of a person. The variance
of such values over people is the variance of the score over test people; in small parts that of pseudo-values is rather
above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.evaluation.delong import placements
from bench.evaluation.metrics import Metric

STEP = 1e-4  # of a weight, for a derivative


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


def contributions(metric: Metric, y: np.ndarray, p: np.ndarray, people: np.ndarray | None = None) -> Contributions:
    """The contribution of each scan to the score of a part.

    Parameters
    ----------
    metric : Metric
    y, p : ndarray
        Targets and predictions of the part, in the shapes of `bench.evaluation.metrics`.
    people : ndarray of shape (N,) or None
        Group of each scan; None: every scan is of another person.

    Returns
    -------
    Contributions
        NaN values where the score of the part is undefined.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson, Biometrics 1988; Efron & Stein, Annals of Statistics 1981 (the variance by
    the jackknife is on average not too small).
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
    members = np.arange(len(y)) if people is None else np.unique(people, return_inverse=True)[1]
    return Contributions(_pseudo_values(metric, y, p, members, score), whole)


def _pseudo_values(metric: Metric, y: np.ndarray, p: np.ndarray, members: np.ndarray, score: float) -> np.ndarray:
    """(N,) values whose mean is the score, and whose sum over a person shows how the score changes without the person.

    A person without whom the score is undefined has the derivative of the score by a weight instead. members: (N,)
    number of the person of each scan.
    """
    scans = np.bincount(members)
    of = (members == np.arange(len(scans))[:, None]).astype(float)  # (people, N)
    change = np.full(len(scans), np.nan)
    if len(scans) > 1:
        with np.errstate(invalid="ignore", divide="ignore"):
            change = (1 - 1 / len(scans)) * (score - metric.batch(y, p, 1 - of))
    if np.isnan(change).any():
        up, down = (metric.batch(y, p, 1 + side * STEP * of) for side in (1, -1))
        change = np.where(np.isnan(change), (up - down) / (2 * STEP), change)
    values = (change * len(y) / scans)[members]
    return score + values - values.mean()
