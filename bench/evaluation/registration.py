"""Scores of displacement fields, pair by pair: how well two scans are aligned, and whether the deformation is possible.

Targets are arrays (N, 2 + A, ...) of A spatial axes: the label map of the fixed scan, that of the moving scan, and the
true displacement in voxels, NaN where it is unknown. Predictions are displacements (N, A, ...) in voxels: the voxel x
of the fixed scan lies at x + p(x) in the moving scan.

Label maps are warped to the nearest voxel, as is usual. Tables of other authors whose label maps were interpolated
linearly are not comparable: that alone raises the Dice coefficient of nearly all methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.evaluation import segmentation
from bench.evaluation.metric_definition import Metric

Spacing = Sequence[float] | None
KIND = "registration"
SMALLEST = 1e-3  # Jacobian determinants below it count as this in their logarithm; `folded` counts those up to 0


def misfit(y: np.ndarray, p: np.ndarray) -> str | None:
    """Why targets and predictions of a registration do not fit each other.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.

    Returns
    -------
    str or None
        The reason; None if they fit.
    """
    axes = p.ndim - 2
    if y.ndim != p.ndim or axes < 2 or y.shape[2:] != p.shape[2:] or y.shape[1] != 2 + axes or p.shape[1] != axes:
        return "targets must be (N, 2 + axes, ...) and predictions (N, axes, ...)"
    return None if np.isfinite(p).all() else "a displacement is NaN or infinite"


def warp_labels(labels: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Warp a label map, to the nearest voxel.

    Parameters
    ----------
    labels : ndarray of shape (...)
        Label map of the moving scan.
    displacement : ndarray of shape (axes, ...)
        In voxels.

    Returns
    -------
    ndarray of shape (...)
        The label map on the grid of the fixed scan; beyond the border the nearest voxel's.
    """
    from scipy.ndimage import map_coordinates

    places = np.indices(labels.shape) + displacement
    return map_coordinates(labels, places, order=0, mode="nearest")


def structure_dice(y: np.ndarray, p: np.ndarray, structures: int) -> np.ndarray:
    """The Dice coefficient of every structure of every pair.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    structures : int
        Number of structures K; their labels are 1 to K.

    Returns
    -------
    ndarray of shape (N, K)
        In [0, 1]; NaN where neither the fixed nor the warped label map has the structure.
    """
    scores = np.full((len(y), structures), np.nan)
    for row, (fixed, warped) in enumerate(_label_maps(y, p)):
        both = np.bincount(fixed[fixed == warped].ravel(), minlength=structures + 1)[1 : structures + 1]
        sizes = sum(np.bincount(each.ravel(), minlength=structures + 1)[1 : structures + 1] for each in (fixed, warped))
        scores[row, sizes > 0] = 2 * both[sizes > 0] / sizes[sizes > 0]
    return scores


def region_dice(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean Dice coefficient of the warped structures.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used; for the same signature as distances.

    Returns
    -------
    ndarray of shape (N,)
        In [0, 1]; 1 for pairs without a structure.
    """
    scores = structure_dice(y, p, int(max(y[:, 0].max(), y[:, 1].max(), 1)))
    known = np.isfinite(scores)
    return np.where(known.any(1), np.nansum(scores, axis=1) / np.maximum(known.sum(1), 1), 1.0)


def region_hd95(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean over the warped structures of the 95 % Hausdorff distance.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Voxel size along each axis, in mm; None: 1 mm.

    Returns
    -------
    ndarray of shape (N,)
        In mm; 0 for pairs without a structure, the diagonal of the scan for a structure that one label map lacks.
    """
    scale = np.ones(p.shape[1]) if spacing is None else np.asarray(spacing, dtype=float)
    diagonal = float(np.linalg.norm((np.array(p.shape[2:]) - 1) * scale))
    means = []
    for fixed, warped in _label_maps(y, p):
        labels = np.setdiff1d(np.union1d(fixed, warped), [0])
        distances = [_boxed_hd95(fixed == label, warped == label, scale, diagonal) for label in labels]
        means.append(np.mean(distances) if distances else 0.0)
    return np.array(means)


def _boxed_hd95(fixed: np.ndarray, warped: np.ndarray, scale: np.ndarray, diagonal: float) -> float:
    """`segmentation.hd95` of two masks inside the box that holds both: the same distance, in less time."""
    if not (fixed.any() and warped.any()):
        return diagonal
    box = tuple(slice(where.min(), where.max() + 1) for where in np.nonzero(fixed | warped))
    pair = (np.pad(each[box], 1).astype(np.uint8)[None] for each in (fixed, warped))
    return float(segmentation.hd95(*pair, scale)[0])


def _label_maps(y: np.ndarray, p: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each pair the label map of the fixed scan and the warped one of the moving scan."""
    return [
        (one[0].astype(np.int64), warp_labels(one[1].astype(np.int64), displacement))
        for one, displacement in zip(y, p, strict=True)
    ]


def jacobian_determinants(displacement: np.ndarray) -> np.ndarray:
    """The Jacobian determinant of x + displacement, by central differences, inside the border.

    Parameters
    ----------
    displacement : ndarray of shape (axes, ...)
        In voxels.

    Returns
    -------
    ndarray of shape (...), two voxels smaller along each axis
        1: the volume stays as it is; 0 or less: the deformation folds there.
    """
    axes = len(displacement)
    inner = (slice(1, -1),) * axes
    jacobian = np.empty((*(size - 2 for size in displacement.shape[1:]), axes, axes))
    for row, component in enumerate(displacement.astype(np.float64)):
        for column in range(axes):
            slope = (np.roll(component, -1, column) - np.roll(component, 1, column)) / 2
            jacobian[..., row, column] = slope[inner] + (row == column)
    return np.linalg.det(jacobian)


def folded(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The share of voxels at which the deformation folds: the Jacobian determinant is 0 or less.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used.

    Returns
    -------
    ndarray of shape (N,)
        In [0, 1].
    """
    return np.array([float((jacobian_determinants(each) <= 0).mean()) for each in p])


def log_jacobian_sd(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The standard deviation over voxels of the logarithm of the Jacobian determinant.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Not used.

    Returns
    -------
    ndarray of shape (N,)
        0 for a translation; determinants below `SMALLEST` count as that.
    """
    return np.array([float(np.log(jacobian_determinants(each).clip(SMALLEST)).std()) for each in p])


def endpoint_error(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean distance between the true and the predicted place of the voxels that have a label in the fixed scan.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.
    spacing : sequence of float or None
        Voxel size along each axis, in mm; None: 1 mm.

    Returns
    -------
    ndarray of shape (N,)
        In mm, over all voxels where there is no label; NaN where the true displacement is unknown.
    """
    scale = np.ones(p.shape[1]) if spacing is None else np.asarray(spacing, dtype=float)
    errors = []
    for one, displacement in zip(y, p, strict=True):
        places = one[0] > 0 if (one[0] > 0).any() else np.ones(one[0].shape, dtype=bool)
        apart = (displacement - one[2:])[:, places] * scale[:, None]
        errors.append(float(np.linalg.norm(apart, axis=0).mean()))
    return np.array(errors)


METRICS = (
    Metric("endpoint_error", "End-point error", KIND, "lower", "mm", 0, math.inf, each=endpoint_error),
    Metric("region_dice", "Dice of warped structures", KIND, "higher", "", 0, 1, each=region_dice),
    Metric("region_hd95", "HD95 of warped structures", KIND, "lower", "mm", 0, math.inf, each=region_hd95),
    Metric("folded", "Folded voxels", KIND, "lower", "", 0, 1, each=folded),
    Metric("log_jacobian_sd", "SD of log Jacobian", KIND, "lower", "", 0, math.inf, each=log_jacobian_sd),
)
