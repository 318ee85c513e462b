"""More or less contrast: values stretched about the mean."""

from __future__ import annotations

import numpy as np

from bench.training.augment.changed_scan import ChangedScan, channel_values
from bench.training.augment.scan_random import Strength, factor_between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Stretch each channel about its mean; values stay within the channel's own range."""
    mean, low, high = (channel_values(scan.x, name) for name in ("mean", "amin", "amax"))
    stretched = (scan.x - mean) * factor_between(rng, strength, "factor") + mean
    scan.x = stretched.clamp(low, high)
