"""Rank pooling inside a network: the dynamic image with weights that are learnt. It imports torch, the views do not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.views.dynamic import Dynamic


class RankPooling(nn.Module):
    """(B, C, D, H, W) to the images of a `Dynamic` view, (B, C', rows, columns), in any precision of the rest.

    It begins with the view's weights and gives its images to the last digit of float32. learnable: the weights are
    parameters. Where the view cuts images to whole numbers, the gradient passes the cut unchanged (straight-through).
    """

    def __init__(self, view: Dynamic, shape: tuple[int, ...], learnable: bool = True) -> None:
        """shape: (C, D, H, W) of the scans."""
        super().__init__()
        self.view = view
        starts = [torch.from_numpy(pooled.weights.copy()).float() for pooled in view.poolings(tuple(shape[1:]))]
        self.weights = nn.ParameterList(nn.Parameter(each, requires_grad=learnable) for each in starts)

    def forward(self, x: Tensor) -> Tensor:
        return self.view.encode(x, list(self.weights))
