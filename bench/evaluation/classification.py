"""Scores of probabilities (N, K) against classes (N,), for rows of weights (R, N): (R,) each.

`bench.evaluation.metrics` documents their names and where they are undefined. The calibration error uses the
probability of the predicted class in ten bins of equal width (Guo et al., ICML 2017). In a small part even a perfectly
calibrated model has an error, of about 0.8 / sqrt(scans in a bin).
"""

from __future__ import annotations

import numpy as np

BINS = 10  # of equal width, for the calibration error


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide two arrays, with NaN where the denominator is 0.

    Parameters
    ----------
    part, whole : ndarray of shape (R,)
        Numerators and denominators.

    Returns
    -------
    ndarray of shape (R,)
        part / whole.
    """
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def auc(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Area under the ROC curve; over more than two classes the mean of each class against the rest.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Area, in [0, 1]; NaN where a class has no scan.

    References
    ----------
    Mann & Whitney, Annals of Mathematical Statistics 1947.
    """
    if p.shape[1] == 2:
        return _area(y == 1, p[:, 1], w)
    return np.mean([_area(y == k, p[:, k], w) for k in range(p.shape[1])], axis=0)


def _area(positive: np.ndarray, score: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The proportion of pairs (positive, negative) in the right order; ties count half (Mann & Whitney 1947)."""
    above, below = _runs(positive, score, w)
    pairs = above.sum(axis=1) * below.sum(axis=1)
    right = np.cumsum(below, axis=1)
    right -= np.multiply(below, 0.5, out=below)  # in place: this step takes most of the time for a large table
    return ratio(np.einsum("rn,rn->r", above, right), pairs)


def _runs(positive: np.ndarray, score: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, runs) weights of the positive and of the negative scans of every distinct score, in ascending order."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))  # of the runs of equal scores
    below = np.take(w, order, axis=1)  # (R, N), row by row
    above = below * positive[order]
    below -= above
    if len(starts) < len(score):
        above, below = (np.add.reduceat(part, starts, axis=1) for part in (above, below))
    return above, below


def average_precision(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Precision at each score, weighted by the increase of recall; more than two classes: the mean over them.

    With two classes it is that of class 1. Uninformative predictions score the proportion of the class.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Average precision, in [0, 1]; NaN where a class has no scan.
    """
    if p.shape[1] == 2:
        return _precision(y == 1, p[:, 1], w)
    return np.mean([_precision(y == k, p[:, k], w) for k in range(p.shape[1])], axis=0)


def _precision(positive: np.ndarray, score: np.ndarray, w: np.ndarray) -> np.ndarray:
    above, below = (part[:, ::-1] for part in _runs(positive, score, w))
    hits, called = np.cumsum(above, axis=1), np.cumsum(above + below, axis=1)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    average = ratio((precision * above).sum(axis=1), above.sum(axis=1))
    return np.where(below.sum(axis=1) > 0, average, np.nan)


def recall(y: np.ndarray, p: np.ndarray, w: np.ndarray, k: int) -> np.ndarray:
    """The proportion of the scans of class k that are predicted as class k.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.
    k : int
        The class.

    Returns
    -------
    ndarray of shape (R,)
        Recall, in [0, 1]; NaN where class k has no scan.
    """
    return ratio(w[:, (y == k) & (p.argmax(1) == k)].sum(axis=1), w[:, y == k].sum(axis=1))


def balanced_accuracy(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The mean of the recalls of all classes.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Balanced accuracy, in [0, 1]; NaN where a class has no scan.
    """
    return np.mean([recall(y, p, w, k) for k in range(p.shape[1])], axis=0)


def f1(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Mean over all classes (also where there are two) of the harmonic mean of precision and recall.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Macro F1, in [0, 1]; NaN where a class has no scan.
    """
    called, scores = p.argmax(1), []
    for k in range(p.shape[1]):
        positives = w[:, y == k].sum(axis=1)
        both = w[:, (y == k) & (called == k)].sum(axis=1)
        scores.append(np.where(positives > 0, ratio(2 * both, positives + w[:, called == k].sum(axis=1)), np.nan))
    return np.mean(scores, axis=0)


def mcc(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The correlation of true and predicted classes.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Correlation, in [-1, 1]; 0 where all scans are predicted as one class, NaN where all are of one class.

    References
    ----------
    Matthews, Biochimica et Biophysica Acta 1975; for more than two classes Gorodkin, Computational Biology and
    Chemistry 2004.
    """
    called, classes = p.argmax(1), range(p.shape[1])
    whole = w.sum(axis=1)
    right = w[:, called == y].sum(axis=1)
    actual, predicted = (np.stack([w[:, of == k].sum(axis=1) for k in classes]) for of in (y, called))
    spread = (whole**2 - (actual**2).sum(axis=0)) * (whole**2 - (predicted**2).sum(axis=0))
    correlation = np.divide(
        right * whole - (actual * predicted).sum(axis=0), np.sqrt(spread), out=np.zeros_like(whole), where=spread > 0
    )
    return np.where((actual > 0).sum(axis=0) > 1, np.clip(correlation, -1, 1), np.nan)


def calibration_error(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Absolute difference of the probability of the predicted class and its accuracy, averaged over the bins.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Expected calibration error, in [0, 1].

    References
    ----------
    Guo et al., ICML 2017.
    """
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.clip(np.ceil(sure * BINS - 1e-9).astype(int) - 1, 0, BINS - 1)  # bins are (0, 0.1], ..., (0.9, 1]
    gaps = [np.abs(w[:, place == at] @ (right - sure)[place == at]) for at in np.unique(place)]
    return np.sum(gaps, axis=0) / w.sum(axis=1)


def correct(y: np.ndarray, p: np.ndarray, spacing: object) -> np.ndarray:
    """Whether the most probable class is the true one.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    spacing : object
        Not used; for the same signature as scores of label maps.

    Returns
    -------
    ndarray of shape (N,)
        1 where it is, else 0.
    """
    return (p.argmax(1) == y).astype(float)


def brier(y: np.ndarray, p: np.ndarray, spacing: object) -> np.ndarray:
    """Half the squared distance of the probabilities from the true class.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    spacing : object
        Not used; for the same signature as scores of label maps.

    Returns
    -------
    ndarray of shape (N,)
        Brier score, in [0, 1] for any number of classes.

    References
    ----------
    Brier, Monthly Weather Review 1950.
    """
    return ((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1) / 2


def log_loss(y: np.ndarray, p: np.ndarray, spacing: object) -> np.ndarray:
    """Negative logarithm of the probability of the true class.

    Probabilities are clipped at 2.2e-16, so that one confident error does not give infinity.

    Parameters
    ----------
    y : ndarray of int of shape (N,)
        True class of each scan, from 0.
    p : ndarray of shape (N, K)
        Predicted probability of each class.
    spacing : object
        Not used; for the same signature as scores of label maps.

    Returns
    -------
    ndarray of shape (N,)
        Log loss, in nats.
    """
    return -np.log(np.clip(p[np.arange(len(y)), y], np.finfo(float).eps, 1.0))
