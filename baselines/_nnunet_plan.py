"""The kernels and strides of a U-Net for a voxel size and a patch, by the rules of nnU-Net (Isensee et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 4  # minimum number of voxels along an axis
WIDEST = 320  # maximum channels of a level if the first has 32


@dataclass(frozen=True)
class Plan:
    """One entry for each level, the finest first. strides: of the first convolution, (1, 1, 1) at the first level."""

    kernels: tuple[tuple[int, ...], ...]
    strides: tuple[tuple[int, ...], ...]
    filters: tuple[int, ...]

    @property
    def divisors(self) -> tuple[int, ...]:
        """Divisors of valid patch sizes."""
        products = [1] * len(self.strides[0])
        for stride in self.strides:
            products = [product * step for product, step in zip(products, stride, strict=True)]
        return tuple(products)


def planned(spacing: Sequence[float], sizes: Sequence[int], width: int = 32) -> Plan:
    """The plan for voxels of `spacing` millimetres and patches of `sizes`; `width` channels in the first level.

    An axis is halved while it keeps LEAST voxels and its voxels are shorter than twice the shortest among those axes;
    an axis alone is halved only while it has three times LEAST. Kernels are 1 along an axis whose voxels are at least
    twice as long as the shortest, and 3 from the first level at which they are not.
    """
    spacing, sizes, kernel = list(spacing), list(sizes), [1] * len(spacing)
    kernels, strides = [], [(1,) * len(spacing)]
    while True:
        kernel = [3 if k == 3 or mm < 2 * min(spacing) else 1 for k, mm in zip(kernel, spacing, strict=True)]
        halved = _halved(spacing, sizes)
        if not halved:
            break
        kernels.append(tuple(kernel))
        strides.append(tuple(2 if axis in halved else 1 for axis in range(len(spacing))))
        for axis in halved:
            spacing[axis], sizes[axis] = 2 * spacing[axis], -(-sizes[axis] // 2)
    kernels.append((3,) * len(spacing))
    filters = [min(width * 2**level, WIDEST * width // 32) for level in range(len(strides))]
    return Plan(tuple(kernels), tuple(strides), tuple(filters))


def _halved(spacing: Sequence[float], sizes: Sequence[int]) -> list[int]:
    """The axes that the next level halves."""
    large = [axis for axis, size in enumerate(sizes) if size >= 2 * LEAST]
    finest = min((spacing[axis] for axis in large), default=0.0)
    fine = [axis for axis in large if spacing[axis] < 2 * finest]
    return [] if len(fine) == 1 and sizes[fine[0]] < 3 * LEAST else fine
