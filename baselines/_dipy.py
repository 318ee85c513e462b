"""SyN by dipy, an optional extra. Arrays are (D, H, W), displacements (3, D, H, W) in voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

FLAT = 1e-6  # deviation of the grey values below which a scan shows nothing to align


def syn(
    fixed: np.ndarray,
    moving: np.ndarray,
    first: np.ndarray,
    iterations: Sequence[int],
    radius: int,
    smoothing: float,
) -> np.ndarray:
    """The displacement of SyN after a first displacement.

    Parameters
    ----------
    fixed, moving : ndarray of shape (D, H, W)
    first : ndarray of shape (3, D, H, W)
        Aligns them roughly, such as an affine map.
    iterations : sequence of int
        On each level of the pyramid, from coarse to fine; each level has twice the resolution of the one before. The
        coarsest ones are left out where a scan has fewer voxels there than the window.
    radius : int
        Of the window of the correlation, in voxels.
    smoothing : float
        Deviation of the Gaussian that smooths an update, in voxels.

    Returns
    -------
    ndarray of shape (3, D, H, W)
        The voxel x of the fixed scan lies at x plus it in the moving scan. `first` for a scan that is flat.
    """
    from dipy.align.imwarp import SymmetricDiffeomorphicRegistration
    from dipy.align.metrics import CCMetric

    here = np.indices(fixed.shape)
    closer = map_coordinates(moving, here + first, order=1, mode="nearest")
    if min(fixed.std(), closer.std()) < FLAT:
        return first
    while len(iterations) > 1 and min(fixed.shape) // 2 ** (len(iterations) - 1) <= 2 * radius + 1:
        iterations = iterations[1:]
    similarity = CCMetric(3, sigma_diff=smoothing, radius=radius)
    optimiser = SymmetricDiffeomorphicRegistration(similarity, level_iters=list(iterations))
    optimiser.verbosity = 0
    found = optimiser.optimize(_unit(fixed), _unit(closer)).get_forward_field()
    second = np.moveaxis(np.asarray(found, dtype=np.float32), -1, 0)
    rest = [map_coordinates(each, here + second, order=1, mode="nearest") for each in first]
    return (second + np.stack(rest)).astype(np.float32)


def _unit(scan: np.ndarray) -> np.ndarray:
    """Grey values from 0 to 1: dipy takes voxels of 0 for the outside of a scan."""
    low, high = float(scan.min()), float(scan.max())
    return ((scan - low) / (high - low)).astype(np.float64)
