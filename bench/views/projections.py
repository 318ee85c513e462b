"""Projections of a volume along an axis: mean, maximum, and the mean weighted by the entropy of each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import param
from bench.views.base import PLANES, View, left_right_axis, require_volumes, slice_shape
from bench.views.rank_pooling import dynamic_image

if TYPE_CHECKING:
    from torch import Tensor

BINS = 256  # of the histogram of a slice


@dataclass(frozen=True)
class Mean(View):
    """The mean of the slices."""

    kind_name: ClassVar[str] = "mean"

    plane: str = param("sagittal", "plane of the averaged slices", tuple(PLANES))

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        return slice_shape(shape, self.plane)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        import torch

        require_volumes(x.shape[1:], self.kind_name)
        return x.mean(2 + PLANES[self.plane], dtype=torch.float32)

    def left_right(self) -> int | None:
        return left_right_axis(self.plane)


@dataclass(frozen=True)
class Max(View):
    """The highest value along the axis: a maximum intensity projection."""

    kind_name: ClassVar[str] = "max"

    plane: str = param("sagittal", "plane of the projected slices", tuple(PLANES))

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        return slice_shape(shape, self.plane)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        require_volumes(x.shape[1:], self.kind_name)
        return x.amax(2 + PLANES[self.plane]).float()

    def left_right(self) -> int | None:
        return left_right_axis(self.plane)


@dataclass(frozen=True)
class Entropy(View):
    """sum_t e_t V_t / (sum_t e_t + 1e-5), where e_t is the entropy of slice V_t: detailed slices have larger weights.

    Each channel of a scan has its own weights.
    """

    kind_name: ClassVar[str] = "entropy"

    plane: str = param("sagittal", "plane of the averaged slices", tuple(PLANES))

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        return slice_shape(shape, self.plane)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        import torch

        require_volumes(x.shape[1:], self.kind_name)
        axis, images = PLANES[self.plane], []
        for volume in x.flatten(0, 1):
            entropies = slice_entropies(volume, axis)
            images.append(dynamic_image(volume, entropies / (entropies.sum() + 1e-5), axis).float())
        return torch.stack(images).unflatten(0, x.shape[:2])

    def left_right(self) -> int | None:
        return left_right_axis(self.plane)


def slice_entropies(volume: Tensor, axis: int) -> Tensor:
    """Shannon entropy, in nats, of each slice's histogram: (D, H, W) to (slices along `axis`,), float64.

    The 256 bins have equal widths and span the range of the volume; the last one includes the maximum.
    """
    import torch

    low, high = volume.min().float(), volume.max().float()
    span = torch.where(high > low, high - low, 1.0)
    bins = ((volume.float() - low) * (BINS / span)).clamp_(max=BINS - 1).long()
    slices = bins.movedim(axis, 0).flatten(1)  # (T, voxels of a slice)
    offsets = torch.arange(len(slices), device=volume.device)[:, None] * BINS
    counts = torch.bincount((slices + offsets).flatten(), minlength=len(slices) * BINS).reshape(-1, BINS)
    return torch.special.entr(counts.double() / slices.shape[1]).sum(1)
