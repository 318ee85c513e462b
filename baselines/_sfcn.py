"""The simple fully convolutional network, with its bins and soft labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Network(nn.Module):
    """(B, C, D, H, W) to (B, outputs). With bins the output is their mean under the probabilities, (B, 1)."""

    def __init__(
        self, inputs: int, channels: Sequence[int], outputs: int, dropout: float, bins: int, span: float
    ) -> None:
        super().__init__()
        widths = (inputs, *channels)
        halved = [_block(*pair, 3) for pair in pairwise(widths[:-1])]
        self.features = nn.Sequential(*halved, _block(*widths[-2:], 1))
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Conv3d(channels[-1], bins or outputs, 1)
        edges = torch.linspace(-span, span, bins + 1)
        self.register_buffer("centres", (edges[1:] + edges[:-1]) / 2 if bins else torch.zeros(0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x).mean((2, 3, 4), keepdim=True)  # (B, channels, 1, 1, 1)
        scores = self.classifier(self.dropout(x)).flatten(1)  # (B, bins or outputs)
        return scores if not len(self.centres) else (scores.float().softmax(1) @ self.centres)[:, None]


def scored(model: Network, x: Tensor) -> Tensor:
    """The scores of the bins, (B, bins), captured by a hook."""
    captured: list[Tensor] = []
    hook = model.classifier.register_forward_hook(lambda _, __, scores: captured.append(scores.flatten(1)))
    try:
        model(x)
    finally:
        hook.remove()
    return captured[-1]


def soft_labels(y: Tensor, centres: Tensor, softness: float) -> Tensor:
    """(B, bins): the mass of a normal distribution about each number in each bin. softness: in widths of a bin."""
    width = centres[1] - centres[0]
    edges = (centres[1:] + centres[:-1]) / 2  # the outermost bins are open
    below = torch.special.ndtr((edges - y[:, None]) / (softness * width))  # (B, bins - 1)
    return F.pad(below, (0, 1), value=1.0) - F.pad(below, (1, 0), value=0.0)


def divergence(scores: Tensor, labels: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of each scan's probabilities from its soft label, (B,)."""
    return F.kl_div(scores.float().log_softmax(1), labels, reduction="none").sum(1)


def _block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """A convolution, its normalisation and, above one voxel, a halving; odd sizes are rounded up."""
    layers = [nn.Conv3d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm3d(outputs)]
    return nn.Sequential(*layers, *([nn.MaxPool3d(2, ceil_mode=True)] if kernel > 1 else []), nn.ReLU(inplace=True))
