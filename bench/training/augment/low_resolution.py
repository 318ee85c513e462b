"""A scan of lower resolution: fewer voxels, enlarged again. As in nnU-Net: nearest voxels, then linear."""

from __future__ import annotations

import numpy as np
from torch.nn import functional as F

from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import Strength, between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Reduce and enlarge the scan; its mask stays."""
    side = float(between(rng, strength, "side"))
    fewer = [max(1, round(size * side)) for size in scan.sizes]
    reduced = F.interpolate(scan.x[None], fewer, mode="nearest-exact")
    mode = "trilinear" if len(fewer) == 3 else "bilinear"
    scan.x = F.interpolate(reduced, scan.sizes, mode=mode, align_corners=False)[0]
