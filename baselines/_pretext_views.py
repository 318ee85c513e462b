"""Two random views of scans, for networks that learn to describe both alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class RandomView:
    """How a view is drawn, for every scan on its own: a box of it, its contrast and brightness, noise."""

    side: float  # smallest side of the box, as a share of the scan's
    intensity: float  # largest change of contrast, and of brightness in deviations of the scan
    noise: float  # largest deviation of white noise, in deviations of the scan
    flip: bool  # whether the first spatial axis is reversed in half of the views

    def __call__(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One view of each scan, (B, C, ...) of two or three spatial axes; the same shape."""
        axes, count = x.ndim - 2, len(x)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return (low + (high - low) * torch.rand(count, *shape, generator=generator)).to(x)

        sides = uniform(self.side, 1.0, axes)
        centres = uniform(-1.0, 1.0, axes) * (1 - sides)
        signs = torch.ones_like(sides)
        if self.flip:  # the last entry is the first spatial axis
            signs[:, -1] = torch.where(uniform(0.0, 1.0, 1)[:, 0] < 0.5, -1.0, 1.0)
        grid = F.affine_grid(_matrices(sides * signs, centres), list(x.shape), align_corners=False)
        moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        flat = (count, *(1,) * (x.ndim - 1))
        mean, deviation = (
            value.view(flat) for value in (moved.flatten(1).mean(1), moved.flatten(1).std(1).clamp_min(1e-6))
        )
        contrast, brightness = (uniform(-self.intensity, self.intensity, 1).view(flat) for _ in range(2))
        white = torch.randn(x.shape, generator=generator).to(x) * uniform(0.0, self.noise, 1).view(flat)
        return mean + (moved - mean) * (1 + contrast) + (brightness + white) * deviation


def _matrices(scales: Tensor, shifts: Tensor) -> Tensor:
    """(B, axes, axes + 1) for `affine_grid`, from scales and shifts (B, axes)."""
    return torch.cat([torch.diag_embed(scales), shifts[..., None]], dim=2)
