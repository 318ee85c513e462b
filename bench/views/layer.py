"""The dynamic image as a network layer with learnable weights of the slices.

Unlike the views, this module imports torch. The layer learns one weight per slice for all scans; it does not select
slices per scan.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from bench.core import BenchError
from bench.views.base import require_volumes
from bench.views.dynamic import Dynamic, Pooled


class RankPooling(nn.Module):
    """(B, C, D, H, W) to the images of a `Dynamic` view, (B, C', rows, columns).

    It starts with the view's weights, and then its images equal the view's bit by bit for scans in float32 or bytes.
    With minmax scaling only the proportions of the weights matter. If the view rounds images to whole numbers, the
    gradient passes the rounding unchanged (straight-through). Under autocast it computes in float32.
    """

    def __init__(self, view: Dynamic, shape: tuple[int, ...], learnable: bool = True) -> None:
        """shape: (C, D, H, W) of the scans. learnable: the weights require gradients."""
        super().__init__()
        if view.size:
            raise BenchError("a network that pools slices reads them at their own size; set size=0")
        self.view, self.sizes = view, tuple(shape[1:])
        starts = [torch.tensor(pooled.weights, dtype=torch.get_default_dtype()) for pooled in view.poolings(self.sizes)]
        self.weights = nn.ParameterList(nn.Parameter(each, requires_grad=learnable) for each in starts)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the images of scans (B, C, D, H, W)."""
        require_volumes(x.shape[1:], self.view.kind_name)
        for axis in {pooled.axis for pooled in self.view.poolings(self.sizes)}:
            if x.shape[2 + axis] != self.sizes[axis]:
                raise ValueError(f"{x.shape[2 + axis]} slices along axis {axis}, but weights for {self.sizes[axis]}")
        return self.view.encode(x, list(self.weights))

    def learnt(self) -> list[Pooled]:
        """Return the current weights, one entry for each of the poolings.

        Returns
        -------
        list of Pooled
            Weights (slices,), float64, in the order of the slices in the volume: `reverse` and `shuffle` are undone.
        """
        pairs = zip(self.view.poolings(self.sizes), self.weights, strict=True)
        return [replace(pooled, weights=each.detach().double().cpu().numpy().copy()) for pooled, each in pairs]
