"""Rotation, move and scaling of the whole scan, rigid in millimetres."""

from __future__ import annotations

import math

import numpy as np

from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import Strength, between, factor_between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Add an affine movement; a quantity that `strength` does not name stays as it is."""
    rank = len(scan.sizes)
    turns = 3 if rank == 3 else 1
    degrees = between(rng, strength, "rotation", turns) if "rotation" in strength else np.zeros(turns)
    scale = factor_between(rng, strength, "scale") if "scale" in strength else 1.0
    shares = between(rng, strength, "shift", rank) if "shift" in strength else np.zeros(rank)
    scan.move(rotation([math.radians(each) for each in degrees]) / scale, shares * scan.millimetres)


def rotation(angles: list[float]) -> np.ndarray:
    """One angle, in radians, to a matrix (2, 2); three, about each axis in turn, to (3, 3)."""
    size = 2 if len(angles) == 1 else 3
    planes = [(0, 1)] if size == 2 else [(1, 2), (0, 2), (0, 1)]
    result = np.eye(size)
    for angle, (first, second) in zip(angles, planes, strict=True):
        one = np.eye(size)
        one[first, first] = one[second, second] = math.cos(angle)
        one[first, second], one[second, first] = -math.sin(angle), math.sin(angle)
        result = result @ one
    return result
