"""Slices of a volume: one, three along an axis, or the middle ones of the three planes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import PLANES, View, left_right_axis, require_volumes, slice_shape
from bench.views.padding import backgrounds

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Slice(View):
    """One slice."""

    kind_name: ClassVar[str] = "slice"

    plane: str = param("axial", "of the slice", tuple(PLANES))
    position: float = param(0.5, "position of the slice: 0 is the first along its axis, 1 the last")

    def __post_init__(self) -> None:
        _check_position(self.kind_name, self.position)

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        return slice_shape(shape, self.plane)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        require_volumes(x.shape[1:], self.kind_name)
        axis = 2 + PLANES[self.plane]
        return x.select(axis, slice_at(self.position, x.shape[axis])).float()

    def left_right(self) -> int | None:
        return left_right_axis(self.plane)


@dataclass(frozen=True)
class Slab(View):
    """2D + epsilon: a slice and one on either side, as three channels in the order of the axis.

    At the border the last slice replaces missing ones. For scans with C channels, the first C of the result are those
    of the first slice.
    """

    kind_name: ClassVar[str] = "2d+e"

    plane: str = param("axial", "of the slices", tuple(PLANES))
    position: float = param(0.5, "position of the middle slice: 0 is the first along its axis, 1 the last")
    gap: float = param(0.0, "distance between the slices in millimetres, to the nearest slice; 0: neighbours")

    def __post_init__(self) -> None:
        _check_position(self.kind_name, self.position)
        if not self.gap >= 0:
            raise BenchError(f"view 2d+e: gap must be 0 or more millimetres, not {self.gap}")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        channels, *sizes = slice_shape(shape, self.plane)
        return (3 * channels, *sizes)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        import torch

        require_volumes(x.shape[1:], self.kind_name)
        axis = PLANES[self.plane]
        last = x.shape[2 + axis] - 1
        middle = slice_at(self.position, last + 1)
        step = max(1, round(self.gap / spacing[axis]))
        at = (max(0, middle - step), middle, min(last, middle + step))
        return torch.cat([x.select(2 + axis, one) for one in at], dim=1).float()  # (B, 3 C, rows, columns)

    def left_right(self) -> int | None:
        return left_right_axis(self.plane)


@dataclass(frozen=True)
class Orthogonal(View):
    """The middle slices of the three planes, sagittal, coronal, axial, as three channels.

    They are centred in a common square, padded with the background of the scan (half a pixel towards the start if the
    padding is odd). Their first axes have different directions: no flip of the result corresponds to a mirrored scan.
    """

    kind_name: ClassVar[str] = "orthogonal"

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        return (3 * shape[0], max(shape[1:]), max(shape[1:]))

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        require_volumes(x.shape[1:], self.kind_name)
        channels, *sizes = x.shape[1:]
        side = max(sizes)
        square = backgrounds(x).repeat(1, 3)[:, :, None, None].expand(-1, -1, side, side).clone()
        for axis, size in enumerate(sizes):
            image = x.select(2 + axis, slice_at(0.5, size))
            rows, columns = image.shape[2:]
            top, left = (side - rows) // 2, (side - columns) // 2
            square[:, axis * channels : (axis + 1) * channels, top : top + rows, left : left + columns] = image
        return square

    def left_right(self) -> int | None:
        return None


def slice_at(position: float, slices: int) -> int:
    """The slice nearest to a position in 0..1 along an axis; the later one of two, so that 0.5 is `slices // 2`."""
    return math.floor(position * (slices - 1) + 0.5)


def _check_position(kind: str, position: float) -> None:
    if not 0 <= position <= 1:
        raise BenchError(f"view {kind}: position must be a fraction of the axis, 0 to 1, not {position}")
