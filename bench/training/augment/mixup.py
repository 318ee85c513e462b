"""Mixup (Zhang et al., ICLR 2018): a scan and its label are mixed with another training scan and its label.

It acts on what the network reads, after the view. The other scan is drawn from the whole training part, not from the
batch, so what a scan becomes does not depend on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.method import Mixture
from bench.training.augment.scan_random import ScanRandom, Strength


@dataclass(frozen=True)
class Partners:
    """For each scan of a batch the position of the other scan, (B,), and the share that is left of its own, (B,)."""

    positions: np.ndarray
    shares: np.ndarray


def draw_partners(
    random: ScanRandom, label: str, strength: Strength, step: int, positions: np.ndarray, chosen: np.ndarray, scans: int
) -> Partners:
    """The partners of the chosen scans; others are their own. A scan keeps at least half of itself."""
    others, shares = positions.copy(), np.ones(len(positions))
    for at in np.flatnonzero(chosen).tolist():
        rng = random.of_scan(label, step, int(positions[at]))
        others[at] = rng.integers(scans)
        share = rng.beta(strength["alpha"][0], strength["alpha"][1])
        shares[at] = max(share, 1 - share)
    return Partners(others, shares)


def mixed_scans(x: Tensor, other: Tensor, shares: Tensor) -> Tensor:
    """Mix (B, C, ...) with the partners: share of the first, the rest of the second."""
    return torch.lerp(other, x, shares.reshape(-1, *[1] * (x.ndim - 1)))


def mixed_labels(y: Tensor, other: Tensor, shares: Tensor) -> tuple[Tensor, Mixture | None]:
    """Mixed numbers; or classes (B,) as they are, with the classes of the partners beside them."""
    if y.is_floating_point():
        return torch.lerp(other, y, shares.to(y.dtype)), None
    return y, Mixture(other, shares)
