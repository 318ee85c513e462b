"""White Gaussian noise in every voxel, before the view.

After a view it would be another noise: the voxels that a coarser grid averages hide most of it, and a dynamic image
weighs it slice by slice and is scaled afterwards.
"""

from __future__ import annotations

import numpy as np

from bench.training.augment.changed_scan import ChangedScan, channel_moments
from bench.training.augment.scan_random import Strength, between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Add noise of a random share of each channel's deviation; values may leave the scan's range."""
    level = float(between(rng, strength, "deviation"))
    noise = scan.random.white_noise(scan.x.shape, rng, scan.x.device)
    scan.x = scan.x + noise * (channel_moments(scan.x)[1] * level)
