"""A box inside the scan, enlarged to the whole grid."""

from __future__ import annotations

import numpy as np

from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import Strength, between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Add the movement that reads a box of equal share of all sides, at a random place within the grid."""
    side = float(between(rng, strength, "side"))
    room = (1 - side) / 2 * scan.millimetres
    scan.move(np.eye(len(scan.sizes)) * side, rng.uniform(-1, 1, len(scan.sizes)) * room)
