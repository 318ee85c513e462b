"""The dynamic group mechanism: gates every channel and pixel, then mixes channels within groups."""

from __future__ import annotations

from torch import Tensor, nn

from dclse.architecture import Structure
from dclse.gpconv import GPConv


class DynamicGroup(nn.Module):
    """Generate a weight for every channel and pixel, apply it, adjust: three grouped 1x1 convolutions.

    y = W3 (x * sigmoid(W2 relu(W1 x))), without bias, normalisation or shortcut; W1 reduces to channels / ratio. Fixed
    groups have (2 channels^2 / ratio + channels^2) / groups weights, learnt groups `groups` times as many.
    """

    def __init__(self, channels: int, structure: Structure) -> None:
        super().__init__()
        inner = channels // structure.ratio
        self.generate = nn.Sequential(
            _convolution(channels, inner, structure),
            nn.ReLU(inplace=True),
            _convolution(inner, channels, structure),
            nn.Sigmoid(),
        )
        self.adjust = _convolution(channels, channels, structure)

    def forward(self, x: Tensor) -> Tensor:
        return self.adjust(x * self.generate(x))  # (B, C, H, W)


def _convolution(channels_in: int, channels_out: int, structure: Structure) -> nn.Module:
    if structure.gpconv == "dynamic":
        return GPConv(channels_in, channels_out, structure.groups, structure.rest)
    return nn.Conv2d(channels_in, channels_out, 1, groups=structure.groups, bias=False)
