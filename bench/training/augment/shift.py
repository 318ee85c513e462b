"""A move by whole voxels. Nothing is interpolated: training scans stay as sharp as tested ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import Strength, between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Move the scan and its mask along every axis; the border is repeated."""
    shares = between(rng, strength, "size", len(scan.sizes))
    for axis, voxels in enumerate(np.rint(shares * np.array(scan.sizes)).astype(int).tolist()):
        scan.x = _moved(scan.x, voxels, 1 + axis)
        scan.mask = None if scan.mask is None else _moved(scan.mask, voxels, axis)


def _moved(x: Tensor, voxels: int, axis: int) -> Tensor:
    size = x.shape[axis]
    if not voxels or abs(voxels) >= size:
        return x
    border = x.narrow(axis, 0 if voxels > 0 else size - 1, 1).expand(*_with(x.shape, axis, abs(voxels)))
    rest = x.narrow(axis, max(0, -voxels), size - abs(voxels))
    return torch.cat([border, rest] if voxels > 0 else [rest, border], axis)


def _with(shape: torch.Size, axis: int, size: int) -> list[int]:
    return [size if each == axis else old for each, old in enumerate(shape)]
