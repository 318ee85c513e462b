"""Smooth random fields over a grid, as sums of products of one-dimensional functions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from scipy.interpolate import BSpline

KNOTS = 7  # control points of a spline along each axis: four intervals
DEGREE = 3  # highest degree of a polynomial


@lru_cache(64)
def spline_functions(size: int) -> np.ndarray:
    """(size, KNOTS): uniform cubic B-splines at the voxels of an axis; each row sums to 1."""
    intervals = KNOTS - 3
    knots = np.arange(-3, intervals + 4) / intervals
    return BSpline.design_matrix((np.arange(size) + 0.5) / size, knots, 3).toarray()


@lru_cache(64)
def polynomials(size: int) -> np.ndarray:
    """(size, DEGREE + 1): Legendre polynomials at the voxels of an axis, which spans -1 to 1."""
    return legvander((2 * np.arange(size) + 1) / size - 1, DEGREE)


def field(coefficients: np.ndarray, functions: list[np.ndarray], device: torch.device) -> torch.Tensor:
    """Sum the products of the functions of each axis, (size, n), with coefficients (n, n, ...): (*sizes).

    Sums of products of whole fields, no matrix products, whose bits depend on the number of threads.
    """
    result = torch.tensor(coefficients, dtype=torch.float32).to(device, non_blocking=True)
    for axis in range(len(functions) - 1, -1, -1):  # the last axis grows first, so that most sums read memory in order
        weights = torch.tensor(functions[axis], dtype=torch.float32).to(device, non_blocking=True)
        columns = weights.reshape([*[1] * axis, *weights.shape, *[1] * (len(functions) - 1 - axis)]).unbind(axis + 1)
        parts = result.split(1, axis)
        result = parts[0] * columns[0]
        for part, column in zip(parts[1:], columns[1:], strict=True):
            result.addcmul_(part, column)
    return result
