"""The volume, unchanged or at a coarser spacing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import View, require_volumes

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Volume(View):
    """The volume, with voxels averaged into larger ones of about `mm` millimetres; never upsampled.

    Along each axis the larger voxels have equal sizes and fill the volume exactly; a voxel on the border of two
    contributes to each in proportion to its overlap. The mean of the scan is preserved.
    """

    kind_name: ClassVar[str] = "volume"

    mm: float = param(0.0, "voxel size after averaging, in mm; 0 keeps the prepared spacing")

    def __post_init__(self) -> None:
        if not self.mm >= 0:
            raise BenchError(f"view volume: mm must be a voxel size in millimetres, or 0, not {self.mm}")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        scales = [min(1.0, step / self.mm) if self.mm else 1.0 for step in spacing]
        return (shape[0], *(max(1, round(size * scale)) for size, scale in zip(shape[1:], scales, strict=True)))

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        target = self.shape(tuple(x.shape[1:]), spacing)[1:]
        batch, channels = x.shape[:2]
        x = x.float()
        for axis in (2, 1, 0):  # the innermost first: the next axes read less
            if target[axis] < x.shape[2 + axis]:
                x = _averaged(x, axis, target[axis])
        return x.reshape(batch, channels, *target)

    def left_right(self) -> int | None:
        return 0

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        return self.shape(shape, spacing) == tuple(shape)


def _averaged(x: Tensor, axis: int, size: int) -> Tensor:
    """Average (B, C, D, H, W) to `size` larger voxels along a spatial axis."""
    weights = overlap_fractions(x.shape[2 + axis], size).to(x)
    if axis == 2:
        return x @ weights.T
    lead = x.shape[: 2 + axis]
    rows = x.reshape(lead.numel(), x.shape[2 + axis], -1)
    merged = weights.expand(len(rows), -1, -1) @ rows
    return merged.reshape(*lead, size, *x.shape[3 + axis :])


def overlap_fractions(old: int, new: int) -> Tensor:
    """(new, old): the fraction of each larger voxel that each voxel fills; rows sum to 1."""
    import torch

    edges = torch.arange(new + 1, dtype=torch.float64) * (old / new)
    voxels = torch.arange(old, dtype=torch.float64)
    end = torch.minimum(edges[1:, None], voxels + 1)
    start = torch.maximum(edges[:-1, None], voxels)
    return (end - start).clamp_min(0) * (new / old)
