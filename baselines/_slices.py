"""A 2D network on slices, and the aggregation of their features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from baselines import _timm
from baselines._pooling import Made


class Reader(nn.Module):
    """(B, C, D, H, W) to (B, outputs)."""

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        axis: int,
        at: Sequence[int],
        made: Made,
        aggregate: str,
        sizes: tuple[int, int, int],
        dropout: float,
    ) -> None:
        """at: positions of the slices along a spatial axis. sizes: units, layers and heads of the aggregation."""
        super().__init__()
        self.axis, self.at = axis, tuple(at)
        one = tuple(size for each, size in enumerate(shape) if each != axis + 1)
        self.network = _timm.create(made[0], one, 0, *made[1:])
        features = _timm.width(self.network, one)
        self.together = _together(aggregate, features, len(self.at), sizes, dropout)
        self.head = nn.Linear(getattr(self.together, "width", features), outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.together(self.read(x)))

    def read(self, x: Tensor) -> Tensor:
        """The features of each slice, (B, N, F)."""
        slices = torch.stack([x.select(2 + self.axis, at) for at in self.at], 1)  # (B, N, C, rows, columns)
        return self.network(slices.flatten(0, 1)).unflatten(0, slices.shape[:2])


class Attention(nn.Module):
    """(B, N, F) to (B, F): a sum of the slices with attention weights from a small network; the weights sum to 1."""

    def __init__(self, features: int, units: int, gated: bool) -> None:
        super().__init__()
        self.values = nn.Linear(features, units)
        self.gates = nn.Linear(features, units) if gated else None
        self.scores = nn.Linear(units, 1, bias=False)  # a bias would cancel in the softmax

    def forward(self, x: Tensor) -> Tensor:
        return (self.weigh(x) * x).sum(1)

    def weigh(self, x: Tensor) -> Tensor:
        """The weight of each slice, (B, N, 1)."""
        hidden = self.values(x).tanh()
        return self.scores(hidden if self.gates is None else hidden * self.gates(x).sigmoid()).softmax(1)


class Tokens(nn.Module):
    """(B, N, F) to (B, units): the class token after a transformer over it and the slices."""

    def __init__(self, features: int, slices: int, units: int, depth: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.width = units
        self.project = nn.Linear(features, units)
        self.token = nn.Parameter(torch.zeros(1, 1, units))
        self.places = nn.Parameter(0.02 * torch.randn(1, slices, units))
        layer = nn.TransformerEncoderLayer(units, heads, 4 * units, dropout, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, nn.LayerNorm(units), enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = torch.cat([self.token.expand(len(x), -1, -1), self.project(x) + self.places], 1)
        return self.encoder(tokens)[:, 0]


class Over(nn.Module):
    """(B, N, F) to (B, F): the mean or the maximum of the slices."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1) if self.how == "mean" else x.amax(1)


def positions(slices: int, many: int, trim: float) -> list[int]:
    """`many` equally spaced slices, without the ends of the axis; fewer if some would occur twice."""
    first, last = trim * (slices - 1), (1 - trim) * (slices - 1)
    steps = [(first + last) / 2] if many == 1 else [first + (last - first) * n / (many - 1) for n in range(many)]
    return sorted({int(step + 0.5) for step in steps})


def _together(aggregate: str, features: int, slices: int, sizes: tuple[int, int, int], dropout: float) -> nn.Module:
    if aggregate in ("mean", "max"):
        return Over(aggregate)
    if aggregate == "transformer":
        return Tokens(features, slices, *sizes, dropout)
    return Attention(features, sizes[0], aggregate == "gated")
