"""The dynamic group mechanism: features are gated voxel by voxel, then mixed within groups of channels."""

from __future__ import annotations

from torch import Tensor, nn


class DynamicGroup(nn.Module):
    """Generate a weight for every channel and pixel, apply it, adjust: three grouped 1x1 convolutions.

    y = W3 (x * sigmoid(W2 relu(W1 x))), without bias, normalisation or shortcut. `groups` divides `channels` and
    `channels // ratio`, the width between W1 and W2. It holds (2 channels^2 / ratio + channels^2) / groups weights.
    """

    def __init__(self, channels: int, ratio: int = 4, groups: int = 4) -> None:
        super().__init__()
        inner = max(1, channels // ratio)
        if channels % groups or inner % groups:
            raise ValueError(f"{groups} groups do not divide {channels} channels, and {inner} between the convolutions")
        self.generate = nn.Sequential(
            nn.Conv2d(channels, inner, 1, groups=groups, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 1, groups=groups, bias=False),
            nn.Sigmoid(),
        )
        self.adjust = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.adjust(x * self.generate(x))  # (B, C, H, W)
