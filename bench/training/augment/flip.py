"""Left and right exchanged. Nothing is interpolated."""

from __future__ import annotations

import numpy as np

from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import Strength


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Flip the scan and its mask along their left-right axis."""
    axis = left_right(len(scan.sizes))
    scan.x = scan.x.flip(1 + axis)
    scan.mask = None if scan.mask is None else scan.mask.flip(axis)


def left_right(rank: int) -> int:
    """The left-right axis of prepared scans: the first one of volumes, the columns of images."""
    return 0 if rank == 3 else 1
