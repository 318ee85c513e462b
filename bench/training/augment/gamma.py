"""A change of the grey scale by a power, as in nnU-Net: mean and deviation of the scan are kept."""

from __future__ import annotations

import numpy as np

from bench.training.augment.changed_scan import ChangedScan, channel_moments, channel_range
from bench.training.augment.scan_random import Strength, factor_between


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Raise each channel, from 0 to 1, to a power; with `inverted` the channel is turned from light to dark before."""
    sign = -1.0 if "inverted" in strength else 1.0
    x = scan.x * sign
    (low, high), (mean, deviation) = channel_range(x), channel_moments(x)
    bent = (x - low).div_((high - low).clamp_min(1e-8)).pow_(factor_between(rng, strength, "power"))
    middle, spread = channel_moments(bent)
    scan.x = (bent - middle).mul_(deviation / spread.clamp_min(1e-8)).add_(mean).mul_(sign)
