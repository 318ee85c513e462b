"""More or less contrast: values stretched about the mean."""

from __future__ import annotations

import numpy as np

from bench.training.augment.changed_scan import ChangedScan, channel_moments, channel_range
from bench.training.augment.scan_random import Strength, factor_between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Stretch each channel about its mean; values stay within the channel's own range."""
    (mean, _), (low, high) = channel_moments(scan.x), channel_range(scan.x)
    stretched = (scan.x - mean).mul_(factor_between(rng, strength, "factor")).add_(mean)
    scan.x = stretched.clamp_(low, high)
