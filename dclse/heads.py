"""Heads on the feature maps of stages: auxiliary outputs, and the fusion of stages by global attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dclse.architecture import ATTENTION_RATIO, WIDTHS


class Pooled(nn.Module):
    """Global average pooling and a linear layer: (B, channels, H, W) to (B, outputs)."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean((2, 3)))


class Gate(nn.Module):
    """Global attention: a number in (0, 1) for each of `gated` channels, from the means of the maps of all stages.

    A squeeze and excitation reads the means of S1, S4, S6 and C1 (16 + 64 + 160 + 1280 = 1520 numbers); its inner width
    is a sixteenth of that. The paper only mentions a weighted merging of stages by global attention; this form is our
    interpretation.
    """

    def __init__(self, stages: Sequence[str], gated: int | None = None) -> None:
        super().__init__()
        self.stages = tuple(stages)
        width = sum(WIDTHS[stage] for stage in stages)
        inner = width // ATTENTION_RATIO
        last = nn.Linear(inner, width if gated is None else gated)
        self.excite = nn.Sequential(nn.Linear(width, inner), nn.ReLU(inplace=True), last, nn.Sigmoid())

    def pooled(self, maps: Mapping[str, Tensor]) -> Tensor:
        """The means of the stages' maps, (B, sum of their widths)."""
        return torch.cat([maps[stage].mean((2, 3)) for stage in self.stages], 1)

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        return self.excite(self.pooled(maps))


class Fusion(nn.Module):
    """The gated means of all stages' maps and a linear layer: the prediction, (B, outputs)."""

    def __init__(self, stages: Sequence[str], outputs: int) -> None:
        super().__init__()
        self.gate = Gate(stages)
        self.linear = nn.Linear(sum(WIDTHS[stage] for stage in stages), outputs)

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        return self.linear(self.gate.pooled(maps) * self.gate(maps))
