"""Scores of label maps, scan by scan: the agreement of the predicted mask with the true one.

They are means over the classes other than 0 that occur in the truth or the prediction; a class that occurs in neither
is left out. `EMPTY` documents their values for empty masks: an empty prediction is never an advantage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Spacing = Sequence[float] | None
EMPTY = (
    "Means over the classes that the truth or the prediction of a scan holds. Where neither holds any, overlaps are 1 "
    "and distances and errors 0; where only one of them holds a class, overlaps are 0, distances the diagonal of the "
    "scan, the volume error 1 and the component error the number of components of the other."
)


def dice(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Twice the overlap over the sum of the sizes.

    Parameters
    ----------
    y, p : ndarray of int of shape (N, ...)
        True and predicted label maps; 0 is background.
    spacing : sequence of float or None
        Not used; for the same signature as distances.

    Returns
    -------
    ndarray of shape (N,)
        Dice coefficient, in [0, 1].

    References
    ----------
    Dice, Ecology 1945.
    """
    return _over_scans(y, p, lambda a, b: float(2 * np.sum(a & b) / (a.sum() + b.sum())), empty=1.0)


def hd95(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The larger of the two 95 % quantiles of the distances from one surface to the other.

    Parameters
    ----------
    y, p : ndarray of int of shape (N, ...)
        True and predicted label maps; 0 is background.
    spacing : sequence of float or None
        Voxel size along each axis, in mm; None: 1 mm.

    Returns
    -------
    ndarray of shape (N,)
        Distance, in mm.
    """
    return _between_surfaces(y, p, spacing, lambda *ways: max(float(np.quantile(one, 0.95)) for one in ways))


def surface_distance(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The mean of the distances from every surface voxel of either mask to the surface of the other.

    Parameters
    ----------
    y, p : ndarray of int of shape (N, ...)
        True and predicted label maps; 0 is background.
    spacing : sequence of float or None
        Voxel size along each axis, in mm; None: 1 mm.

    Returns
    -------
    ndarray of shape (N,)
        Distance, in mm.
    """
    return _between_surfaces(y, p, spacing, lambda *ways: float(np.concatenate(ways).mean()))


def volume_error(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Absolute difference of the volumes over their sum: 1 - volumetric similarity.

    0.2 is a mask that is 1.5 times as large as the other. The denominator is the sum, not the true volume, so that the
    error is in [0, 1] and is defined for an empty truth.

    Parameters
    ----------
    y, p : ndarray of int of shape (N, ...)
        True and predicted label maps; 0 is background.
    spacing : sequence of float or None
        Not used; for the same signature as distances.

    Returns
    -------
    ndarray of shape (N,)
        Error, in [0, 1].

    References
    ----------
    Taha & Hanbury, BMC Medical Imaging 2015.
    """
    return _over_scans(y, p, lambda a, b: abs(float(a.sum()) - float(b.sum())) / float(a.sum() + b.sum()), empty=0.0)


def component_error(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Absolute difference of the numbers of connected components (Betti number 0); voxels that touch are connected.

    Parameters
    ----------
    y, p : ndarray of int of shape (N, ...)
        True and predicted label maps; 0 is background.
    spacing : sequence of float or None
        Not used; for the same signature as distances.

    Returns
    -------
    ndarray of shape (N,)
        Number of components, from 0.
    """
    return _over_scans(y, p, lambda a, b: float(abs(_components(a) - _components(b))), empty=0.0)


def _components(mask: np.ndarray) -> int:
    from scipy.ndimage import label

    return label(mask, np.ones((3,) * mask.ndim))[1]


def _between_surfaces(y: np.ndarray, p: np.ndarray, spacing: Spacing, amount: Callable[..., float]) -> np.ndarray:
    """(N,) summaries of the distances between the two surfaces, in both directions, in mm."""
    scale = np.ones(y.ndim - 1) if spacing is None else np.asarray(spacing, dtype=float)
    if scale.shape != (y.ndim - 1,):
        raise ValueError(f"a spacing of {scale.size} numbers does not fit label maps of shape {y.shape[1:]}")
    return _over_scans(y, p, lambda a, b: amount(*_surface_distances(a, b, scale)), empty=0.0)


def _over_scans(y: np.ndarray, p: np.ndarray, score: Callable[..., float], empty: float) -> np.ndarray:
    """(N,) means of `score(truth, prediction)` over the classes in either; `empty` where there is none."""
    scores = []
    for truth, prediction in zip(y, p, strict=True):
        classes = [k for k in np.union1d(truth, prediction) if k != 0]
        scores.append(np.mean([score(truth == k, prediction == k) for k in classes]) if classes else empty)
    return np.array(scores, dtype=float)


def _surface_distances(a: np.ndarray, b: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances between the surfaces of two masks. A surface voxel is one that erosion by a cross removes."""
    from scipy.ndimage import binary_erosion
    from scipy.spatial import KDTree

    if not (a.any() and b.any()):
        diagonal = np.full(1, np.linalg.norm((np.array(a.shape) - 1) * scale))
        return diagonal, diagonal
    surface_a, surface_b = (np.argwhere(mask & ~binary_erosion(mask)) * scale for mask in (a, b))
    return KDTree(surface_b).query(surface_a)[0], KDTree(surface_a).query(surface_b)[0]


def cldice(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Centre-line Dice, from the share of each mask's skeleton that is inside the other mask.

    For tubes such as arteries: a missed branch counts by its length, not by its volume. Skeletons are those of Zhang
    (1984) for images and Lee (1994) for volumes; a mask too small for a skeleton is used whole.

    Parameters
    ----------
    y, p : ndarray of int of shape (N, ...)
        True and predicted label maps; 0 is background.
    spacing : sequence of float or None
        Not used; for the same signature as distances.

    Returns
    -------
    ndarray of shape (N,)
        Centre-line Dice, in [0, 1].

    References
    ----------
    Shit et al., CVPR 2021.
    """
    return _over_scans(y, p, _cldice, empty=1.0)


def _cldice(a: np.ndarray, b: np.ndarray) -> float:
    if not (a.any() and b.any()):
        return 0.0
    inside = [float(other[_skeleton(one)].mean()) for one, other in ((a, b), (b, a))]
    return 2 * inside[0] * inside[1] / sum(inside) if sum(inside) else 0.0


def _skeleton(mask: np.ndarray) -> np.ndarray:
    from skimage.morphology import skeletonize

    box = tuple(slice(where.min(), where.max() + 1) for where in np.nonzero(mask))  # thinning visits every voxel
    skeleton = np.zeros_like(mask)
    skeleton[box] = skeletonize(np.pad(mask[box], 1))[tuple(slice(1, -1) for _ in box)]
    return skeleton if skeleton.any() else mask
