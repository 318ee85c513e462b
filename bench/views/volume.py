"""The volume as it is, or at a coarser spacing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import View, need_volumes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Volume(View):
    """The volume, its voxels averaged into larger ones of about `mm` millimetres; never made finer.

    Along each axis the larger voxels are equal and fill the volume exactly; a voxel on the border of two counts for
    each by the part that lies in it. The mean of a scan is that of its view.
    """

    kind_name: ClassVar[str] = "volume"

    mm: float = param(0.0, "edge of a voxel after averaging; 0 keeps the prepared spacing")

    def __post_init__(self) -> None:
        if not self.mm >= 0:
            raise BenchError(f"view volume: mm is 0 or the edge of a voxel in millimetres, not {self.mm}")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        need_volumes(shape, self.kind_name)
        scales = [min(1.0, step / self.mm) if self.mm else 1.0 for step in spacing]
        return (shape[0], *(max(1, round(size * scale)) for size, scale in zip(shape[1:], scales, strict=True)))

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        target = self.shape(tuple(x.shape[1:]), spacing)[1:]
        batch, channels = x.shape[:2]
        x = x.float()
        for axis in (2, 1, 0):  # the innermost first: what follows has less to read
            if target[axis] < x.shape[2 + axis]:
                x = _averaged(x, axis, target[axis])
        return x.reshape(batch, channels, *target)

    def left_right(self) -> int | None:
        return 0

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        return self.shape(shape, spacing) == tuple(shape)


def _averaged(x: Tensor, axis: int, size: int) -> Tensor:
    """(B, C, D, H, W) with `size` larger voxels along a spatial axis."""
    weights = shares_of(x.shape[2 + axis], size).to(x)
    if axis == 2:
        return x @ weights.T
    lead = x.shape[: 2 + axis]
    rows = x.reshape(lead.numel(), x.shape[2 + axis], -1)
    merged = weights.expand(len(rows), -1, -1) @ rows
    return merged.reshape(*lead, size, *x.shape[3 + axis :])


def shares_of(old: int, new: int) -> Tensor:
    """(new, old): the part of each larger voxel that every voxel fills; rows sum to 1."""
    import torch

    edges = torch.arange(new + 1, dtype=torch.float64) * (old / new)
    voxels = torch.arange(old, dtype=torch.float64)
    end = torch.minimum(edges[1:, None], voxels + 1)
    start = torch.maximum(edges[:-1, None], voxels)
    return (end - start).clamp_min(0) * (new / old)
