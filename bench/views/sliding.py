"""A dynamic image around every slice: what a volume is shown as where the answer is a mask of it, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import PLANES, View
from bench.views.dynamic import COEFFICIENTS, rank_pooling_weights, stretched

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class SlidingDynamic(View):
    """The volume with each slice replaced by the dynamic image of the slices around it; the grid stays as it is.

    At the ends the window is cut to the slices that there are, with the weights of so many. A dynamic image by zero-sum
    weights does not know how bright its slice is, so that the slice itself is a second channel (`own`). Of C channels,
    the C dynamic images come first.
    """

    kind_name: ClassVar[str] = "sliding"

    plane: str = param("axial", "of the slices that are pooled", tuple(PLANES))
    width: int = param(7, "slices of a window, an odd number: the slice and as many on either side")
    coefficients: str = param("bilen", "of the slices; see `rank_pooling_weights`", COEFFICIENTS)
    reverse: bool = param(False, "pool from the last slice to the first")
    scale: str = param("minmax", "minmax: each image from 0 to 255; none: the weighted sum itself", ("minmax", "none"))
    own: bool = param(True, "the slice itself as a second channel")

    def __post_init__(self) -> None:
        if self.width < 1 or self.width % 2 == 0:
            raise BenchError(f"view sliding: width is an odd number of slices, not {self.width}")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        return (shape[0] * (2 if self.own else 1), *shape[1:])

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        import torch

        axis = 2 + PLANES[self.plane]
        bands = torch.from_numpy(self.bands(x.shape[axis])).to(x.device, torch.float32)
        images = torch.empty((*x.shape[:2], *x.shape[2:]), dtype=torch.float32, device=x.device)
        for image, volume in zip(images.flatten(0, 1), x.flatten(0, 1), strict=True):  # equal in any batch
            slices = volume.movedim(axis - 2, 0).float()
            pooled = (bands @ slices.flatten(1)).reshape(slices.shape)
            if self.scale == "minmax":
                pooled = stretched(pooled, 1e-6 * float(volume.abs().amax()) * bands.abs().sum(1)[:, None, None])
            image.copy_(pooled.movedim(0, axis - 2))
        return torch.cat([images, x.float()], 1) if self.own else images

    def bands(self, slices: int) -> np.ndarray:
        """The weights of all windows: (T, T), row t those of the window around slice t."""
        import numpy as np

        found, reach = np.zeros((slices, slices)), self.width // 2
        for middle in range(slices):
            start, stop = max(0, middle - reach), min(slices, middle + reach + 1)
            weights = rank_pooling_weights(stop - start, self.coefficients)
            found[middle, start:stop] = weights[::-1] if self.reverse else weights
        return found

    def left_right(self) -> int | None:
        return None if self.plane == "sagittal" else 0

    def keeps(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> bool:
        return False
