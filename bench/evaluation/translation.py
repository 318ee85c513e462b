"""Scores of generated contrasts, sample by sample: how near a generated image is to the one that was measured.

A sample is a scan with a source and a target contrast. Targets are arrays (N, 4, ...): the measured image of the target
contrast, 1 inside the head and 0 outside, the label map of the scan (0 where there is none), and the code of the pair
in every voxel, see `pair_code`. Predictions are images (N, 1, ...).

All scores are over the voxels inside the head, and in units of the range of the measured image, from its lowest value
to the 95th percentile inside the head: they do not change if both images are shifted or scaled, and a bright lesion
does not widen the range. Published tables whose voxels outside the head count, or whose range is a wider one, are not
comparable: both raise the PSNR of every method.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bench.evaluation.metric_definition import Metric

Spacing = Sequence[float] | None
KIND = "translation"
TRUTH, INSIDE, LABEL, CODE = range(4)  # channels of the targets
BRIGHT = 95  # percentile inside the head that ends the range of an image
LEAST = 1e-10  # squared errors below it count as this: a perfect image has a PSNR of 100 dB, not of infinity
SIGMA, WINDOW = 1.5, 11  # of the SSIM, as in Wang et al., IEEE TIP 13, 2004


def pair_code(source: int, target: int, contrasts: int) -> int:
    """The code of a source and a target contrast: `source` x `contrasts` + `target`.

    Parameters
    ----------
    source, target : int
        Positions of the contrasts among all of them.
    contrasts : int
        Their number.

    Returns
    -------
    int
    """
    return source * contrasts + target


def misfit(y: np.ndarray, p: np.ndarray) -> str | None:
    """Why targets and predictions of a translation do not fit each other.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.

    Returns
    -------
    str or None
        The reason; None if they fit.
    """
    if y.ndim != p.ndim or p.ndim < 4 or y.shape[2:] != p.shape[2:] or y.shape[1] != 4 or p.shape[1] != 1:
        return "targets must be (N, 4, ...) and predictions (N, 1, ...)"
    return None if np.isfinite(p).all() else "a voxel is NaN or infinite"


def _scaled(y: np.ndarray, p: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Of each sample: the measured image, 0 to 1 over its range, the generated one alike, the head, the label map."""
    for one, image in zip(y, p, strict=True):
        truth = one[TRUTH].astype(np.float64)
        inside = one[INSIDE] > 0
        inside = inside if inside.any() else np.ones(inside.shape, dtype=bool)
        low = truth.min()
        span = float(np.percentile(truth[inside], BRIGHT) - low) or float(np.ptp(truth)) or 1.0
        yield (truth - low) / span, (image[0].astype(np.float64) - low) / span, inside, one[LABEL]


def error_map(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The absolute error of every voxel, 0 outside the head.

    Parameters
    ----------
    y, p : ndarray
        Targets (N, 4, ...) and predictions (N, 1, ...).

    Returns
    -------
    ndarray of shape (N, ...)
        As a share of the range of the measured image.
    """
    return np.stack([np.abs(image - truth) * inside for truth, image, inside, _ in _scaled(y, p)])


def mean_error(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean absolute error inside the head.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used; for the same signature as distances.

    Returns
    -------
    ndarray of shape (N,)
        As a share of the range of the measured image.
    """
    return np.array([float(np.abs(image - truth)[inside].mean()) for truth, image, inside, _ in _scaled(y, p)])


def label_error(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean absolute error where the label map of the scan is above 0, for instance in a lesion.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used.

    Returns
    -------
    ndarray of shape (N,)
        As a share of the range of the measured image; NaN for a scan without a label.
    """
    rows = ((np.abs(image - truth), label > 0) for truth, image, _, label in _scaled(y, p))
    return np.array([float(error[where].mean()) if where.any() else math.nan for error, where in rows])


def peak_signal_to_noise(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The PSNR inside the head: -10 log10 of the mean squared error, with the range of the measured image as the peak.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used.

    Returns
    -------
    ndarray of shape (N,)
        In dB; 100 for a perfect image.
    """
    errors = [float(np.square(image - truth)[inside].mean()) for truth, image, inside, _ in _scaled(y, p)]
    return -10 * np.log10(np.maximum(errors, LEAST))


def structural_similarity(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean SSIM inside the head, by scikit-image with the Gaussian window of Wang et al.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used.

    Returns
    -------
    ndarray of shape (N,)
        At most 1.
    """
    from skimage import metrics

    found = []
    for truth, image, inside, _ in _scaled(y, p):
        window = min(WINDOW, (min(truth.shape) - 1) // 2 * 2 + 1)  # only cuts a border, which `full` does not
        _, maps = metrics.structural_similarity(
            truth, image, win_size=window, data_range=1.0, gaussian_weights=True, sigma=SIGMA,
            use_sample_covariance=False, full=True,
        )  # fmt: skip
        found.append(float(maps[inside].mean()))
    return np.array(found)


METRICS = (
    Metric("psnr", "PSNR", KIND, "higher", "dB", -math.inf, 100, each=peak_signal_to_noise),
    Metric("ssim", "SSIM", KIND, "higher", "", -1, 1, each=structural_similarity),
    Metric("image_mae", "MAE of the image", KIND, "lower", "", 0, math.inf, each=mean_error),
    Metric("label_mae", "MAE in the label", KIND, "lower", "", 0, math.inf, each=label_error),
)
