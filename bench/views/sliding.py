"""A dynamic image around every slice: the view for segmenting volumes slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import PLANES, View, require_volumes
from bench.views.rank_pooling import COEFFICIENTS, ROUNDING, rank_pooling_weights

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_PIECE = 2**20  # voxels processed at a time, once for each slice of a window: they fit into the cache


@dataclass(frozen=True)
class SlidingDynamic(View):
    """The volume with each slice replaced by the dynamic image of the slices around it; the grid is unchanged.

    A window of w slices around slice t spans t - w // 2 to t + w // 2. At the ends of the volume it is cut to the
    existing slices, with the weights of that number of slices; none is repeated. With zero-sum weights a dynamic image
    does not depend on the brightness of its slice, so the prepared slice itself is a second channel (`own`), not
    scaled. For scans with C channels, the C dynamic images come first.
    """

    kind_name: ClassVar[str] = "sliding"

    plane: str = param("axial", "plane of the pooled slices", tuple(PLANES))
    width: int = param(7, "slices of a window, an odd number: the slice and the same number on either side")
    coefficients: str = param("bilen", "weights of the slices; see `rank_pooling_weights`", COEFFICIENTS)
    reverse: bool = param(False, "pool from the last slice to the first")
    scale: str = param("minmax", "minmax: each image from 0 to 255; none: the weighted sum itself", ("minmax", "none"))
    own: bool = param(True, "the slice itself as a second channel")

    def __post_init__(self) -> None:
        if self.width < 1 or self.width % 2 == 0:
            raise BenchError(f"view sliding: width must be an odd number of slices, not {self.width}")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        require_volumes(shape, self.kind_name)
        return (shape[0] * (2 if self.own else 1), *shape[1:])

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        import torch

        require_volumes(x.shape[1:], self.kind_name)
        axis, channels = PLANES[self.plane], x.shape[1]
        bands = torch.from_numpy(self.bands(x.shape[2 + axis])).to(x.device, torch.float32)
        result = x.new_zeros((len(x), *self.shape(tuple(x.shape[1:]), spacing)), dtype=torch.float32)
        if self.own:
            result[:, channels:] = x
        for scan, shown in zip(x, result, strict=True):  # one by one: independent of the batch, and in little memory
            for volume, images in zip(shown[channels:] if self.own else scan.float(), shown, strict=False):
                _add_windows(images, volume, bands, axis, self.width // 2)
                if self.scale == "minmax":
                    _scale_minmax(images, axis, _rounding(volume, bands, axis))
        return result

    def bands(self, slices: int) -> np.ndarray:
        """The weights of all windows, (T, T): row t holds the window around slice t, 0 outside it."""
        import numpy as np

        bands, reach = np.zeros((slices, slices)), self.width // 2
        for middle in range(slices):
            start, stop = max(0, middle - reach), min(slices, middle + reach + 1)
            weights = rank_pooling_weights(stop - start, self.coefficients)
            bands[middle, start:stop] = weights[::-1] if self.reverse else weights
        return bands

    def left_right(self) -> int | None:
        return None if self.plane == "sagittal" else 0


def _add_windows(images: Tensor, volume: Tensor, bands: Tensor, axis: int, reach: int) -> None:
    """Add the weighted slices of each window to the images in place; both are (D, H, W).

    It loops over the offsets in a window, for all windows at once, so that no zero of `bands` is multiplied and a NaN
    stays in the windows that contain it. With windows of a quarter of the slices it takes as long as a dense product.
    """
    slices = volume.shape[axis]
    lead = 1 if axis == 0 else 0  # a piece has whole windows
    rows = max(1, _PIECE * volume.shape[lead] // volume.numel())
    for some, sums in zip(volume.split(rows, lead), images.split(rows, lead), strict=True):
        for offset in range(max(-reach, 1 - slices), min(reach, slices - 1) + 1):
            first, count = max(0, -offset), slices - abs(offset)  # the windows that have a slice at this offset
            weights = bands.diagonal(offset).contiguous().view([-1 if each == axis else 1 for each in range(3)])
            sums.narrow(axis, first, count).addcmul_(some.narrow(axis, first + offset, count), weights)


def _scale_minmax(images: Tensor, axis: int, least: Tensor) -> None:
    """Scale the slices along an axis in place, as `minmax_scaled` does, reading memory in order."""
    low = high = images
    for others in ([1, 2],) if axis == 0 else ([0], [3 - axis]):
        low, high = low.amin(others, keepdim=True), high.amax(others, keepdim=True)
    span = high - low
    images.sub_(low).div_(span.masked_fill_(span <= least, float("inf"))).mul_(255)


def _rounding(volume: Tensor, bands: Tensor, axis: int) -> Tensor:
    """Rounding error of the sums of equal slices for each window, estimated from the middle voxel of its slice."""
    shape = [-1 if each == axis else 1 for each in range(3)]
    middle = tuple(slice(None) if each == axis else size // 2 for each, size in enumerate(volume.shape))
    return (volume[middle].abs() * bands.abs().sum(1) * ROUNDING).reshape(shape)
