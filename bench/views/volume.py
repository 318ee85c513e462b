"""The volume as it is, or at a coarser spacing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import param
from bench.views.base import View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Volume(View):
    """The volume, its voxels averaged into larger ones of about `mm` millimetres; never made finer."""

    kind_name: ClassVar[str] = "volume"

    mm: float = param(0.0, "edge of a voxel after averaging; 0 keeps the prepared spacing")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        scales = [min(1.0, step / self.mm) if self.mm else 1.0 for step in spacing]
        return (shape[0], *(max(1, round(size * scale)) for size, scale in zip(shape[1:], scales, strict=True)))

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        from torch.nn import functional as F

        return F.adaptive_avg_pool3d(x, self.shape(tuple(x.shape[1:]), spacing)[1:])  # (B, C, D, H, W)
