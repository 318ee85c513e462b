"""Smooth deformations with a known inverse: flows of stationary velocity fields, on a grid of a phantom.

A position map (3, D, H, W) has for each voxel the place that it comes from, in voxels. The flow of a velocity is
computed by scaling and squaring with cubic interpolation; that of the negative velocity is its inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SQUARINGS = 6


def flow(velocity: np.ndarray) -> np.ndarray:
    """The position map of the flow of a velocity field over one unit of time.

    Parameters
    ----------
    velocity : ndarray of shape (3, D, H, W)
        In voxels; extended by its border values.

    Returns
    -------
    ndarray of shape (3, D, H, W)
        In voxels.
    """
    import numpy as np

    here = np.indices(velocity.shape[1:], dtype=np.float64)
    step = velocity / 2**SQUARINGS
    moved = step + (at(step, here + step) - step) / 2  # the midpoint rule, so that few squarings suffice
    for _ in range(SQUARINGS):
        moved = moved + at(moved, here + moved)
    return here + moved


def at(maps: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values of smooth maps at places, by cubic interpolation; beyond the border the nearest value.

    Parameters
    ----------
    maps : ndarray of shape (C, D, H, W)
    places : ndarray of shape (3, ...)
        In voxels.

    Returns
    -------
    ndarray of shape (C, ...)
    """
    import numpy as np
    from scipy.ndimage import map_coordinates

    limits = np.array(maps.shape[1:]).reshape(-1, *[1] * (places.ndim - 1)) - 1
    inside = np.clip(places, 0, limits)
    return np.stack([map_coordinates(each, inside, order=3, mode="nearest") for each in maps])


def linear_velocity(matrix: np.ndarray, shift: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    """The velocity matrix (x - middle) + shift of every voxel x, whose flow is affine.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3)
        Per unit of time.
    shift : sequence of float
        In voxels.
    shape : sequence of int
        Voxels along each axis.

    Returns
    -------
    ndarray of shape (3, *shape)
        In voxels.
    """
    import numpy as np

    middle = (np.array(shape).reshape(3, 1, 1, 1) - 1) / 2
    away = np.indices(tuple(shape), dtype=np.float64) - middle
    return np.einsum("ij,jdhw->idhw", matrix, away) + np.array(shift).reshape(3, 1, 1, 1)
