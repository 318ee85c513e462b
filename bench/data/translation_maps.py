"""Maps of what cannot be generated: the error of each contrast, over all contrasts that it was generated from."""

from __future__ import annotations

import numpy as np

from bench.evaluation import translation


def error_maps(y: np.ndarray, p: np.ndarray, contrasts: int) -> np.ndarray:
    """The mean over sources of the absolute error, for every scan and target contrast.

    Parameters
    ----------
    y : ndarray of shape (S K (K - 1), 4, ...)
        Targets, scan by scan, with all ordered pairs of K contrasts: see `bench.evaluation.translation`.
    p : ndarray of shape (S K (K - 1), 1, ...)
        Predictions.
    contrasts : int
        K.

    Returns
    -------
    ndarray of shape (S, K, ...)
        As a share of the range of the measured image; 0 outside the head.
    """
    pairs = contrasts * (contrasts - 1)
    code = y[:pairs, translation.CODE].reshape(pairs, -1)[:, 0].round().astype(np.int64)
    errors = translation.error_map(y, p).reshape(-1, pairs, *y.shape[2:])
    return np.stack([errors[:, code % contrasts == contrast].mean(axis=1) for contrast in range(contrasts)], axis=1)


def label_areas(maps: np.ndarray, y: np.ndarray, contrasts: int) -> np.ndarray:
    """How well the errors find the label: the area under the ROC curve over the voxels of the head.

    Parameters
    ----------
    maps : ndarray of shape (S, K, ...)
        Of `error_maps`.
    y : ndarray of shape (S K (K - 1), 4, ...)
        Their targets.
    contrasts : int
        K.

    Returns
    -------
    ndarray of shape (S, K)
        0.5 by chance; NaN for a scan without a label.
    """
    from sklearn.metrics import roc_auc_score

    found = np.full(maps.shape[:2], np.nan)
    for row, scan in enumerate(y[:: contrasts * (contrasts - 1)]):
        inside = scan[translation.INSIDE] > 0
        label = scan[translation.LABEL][inside] > 0
        if 0 < label.sum() < label.size:
            found[row] = [roc_auc_score(label, each[inside]) for each in maps[row]]
    return found
