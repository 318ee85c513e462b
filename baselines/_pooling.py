"""A weighted sum of slices before a network of images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines import _timm
from bench.views import Dynamic
from bench.views.layer import RankPooling

Made = tuple[str, Mapping[str, Any], Path | None]  # a network of timm, its options, its weights


class Pooled(nn.Module):
    """(B, C, D, H, W) to (B, outputs), through one image with C channels."""

    def __init__(self, shape: tuple[int, ...], outputs: int, plane: str, start: str, learnt: bool, made: Made) -> None:
        super().__init__()
        equal = start == "mean"
        view = Dynamic(plane=plane, coefficients="bilen" if equal else start, scale="none")
        self.pooling = RankPooling(view, shape, learnt)
        if equal:
            for weights in self.pooling.weights:
                weights.data.fill_(1 / len(weights))
        self.norm = nn.BatchNorm2d(shape[0], affine=False)
        self.network = _timm.create(made[0], view.shape(shape, (1.0,) * 3), outputs, *made[1:])

    def forward(self, x: Tensor) -> Tensor:
        return self.network(self.norm(self.pooling(x)))
