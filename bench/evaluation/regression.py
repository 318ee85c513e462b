"""Scores of predicted numbers (N,) against true ones (N,), for rows of weights (R, N): (R,) each.

`bench.evaluation.metrics` documents their names and where they are undefined.
"""

from __future__ import annotations

import numpy as np

from bench.evaluation.classification import ratio


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means of values. A plain sum, so that every run gives the same bits.

    Parameters
    ----------
    values : ndarray of shape (N,) or (R, N)
        Values of the scans, or those of each row.
    weights : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Means, in the unit of the values.
    """
    return (weights * values).sum(axis=1) / weights.sum(axis=1)


def error(y: np.ndarray, p: np.ndarray, spacing: object) -> np.ndarray:
    """Absolute error of each scan.

    Parameters
    ----------
    y, p : ndarray of shape (N,)
        True and predicted numbers.
    spacing : object
        Not used; for the same signature as scores of label maps.

    Returns
    -------
    ndarray of shape (N,)
        In the unit of the targets.
    """
    return np.abs(p - y)


def rmse(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Root of the mean squared error.

    Parameters
    ----------
    y, p : ndarray of shape (N,)
        True and predicted numbers.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Error, in the unit of the targets.
    """
    return np.sqrt(weighted_mean((p - y) ** 2, w))


def r2(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """1 - squared errors / squared deviations of the targets from the mean of the same part.

    Parameters
    ----------
    y, p : ndarray of shape (N,)
        True and predicted numbers.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Score, at most 1; NaN where the targets are constant.
    """
    spread = (w * (y - weighted_mean(y, w)[:, None]) ** 2).sum(axis=1)
    score = 1 - ratio((w * (p - y) ** 2).sum(axis=1), spread)
    return np.where(_constant(y, w), np.nan, score)


def correlation(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Pearson's correlation of targets and predictions.

    Parameters
    ----------
    y, p : ndarray of shape (N,)
        True and predicted numbers.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Correlation, in [-1, 1]; NaN where targets or predictions are constant.
    """
    dy, dp = y - weighted_mean(y, w)[:, None], p - weighted_mean(p, w)[:, None]
    spread = np.sqrt((w * dy**2).sum(axis=1) * (w * dp**2).sum(axis=1))
    score = np.clip(ratio((w * dy * dp).sum(axis=1), spread), -1, 1)
    return np.where(_constant(y, w) | _constant(p, w), np.nan, score)


def gap(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Absolute difference of the mean prediction and the mean target.

    Parameters
    ----------
    y, p : ndarray of shape (N,)
        True and predicted numbers.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Difference, in the unit of the targets.
    """
    return np.abs(weighted_mean(p - y, w))


def gap_slope(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Absolute slope of the gap, prediction - target, over the target.

    Parameters
    ----------
    y, p : ndarray of shape (N,)
        True and predicted numbers.
    w : ndarray of shape (R, N)
        Weights of the scans, one row for each resample.

    Returns
    -------
    ndarray of shape (R,)
        Slope; 1 for uninformative predictions, NaN where the targets are constant.
    """
    dy, gap = y - weighted_mean(y, w)[:, None], p - y
    slope = ratio((w * dy * gap).sum(axis=1), (w * dy**2).sum(axis=1))
    return np.where(_constant(y, w), np.nan, np.abs(slope))


def _constant(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(R,) whether all scans of positive weight have one value; exact, as rounding makes a variance nonzero."""
    return np.where(w > 0, x, -np.inf).max(axis=1) == np.where(w > 0, x, np.inf).min(axis=1)
