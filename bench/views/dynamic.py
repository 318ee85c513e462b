"""The dynamic image as a view: a volume as one image, or one for each plane or slab, by approximate rank pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import PLANES, View, left_right_axis, require_volumes, slice_shape
from bench.views.padding import minmax_scaled, padded
from bench.views.rank_pooling import COEFFICIENTS, dynamic_image, rank_pooling_weights, rounding_error

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class Pooled:
    """One image's slices and their weights: len(`weights`) slices from `start` on, along a spatial axis."""

    plane: str
    start: int
    weights: np.ndarray  # (slices,), read-only

    @property
    def axis(self) -> int:
        """The spatial axis that the slices are stacked along."""
        return PLANES[self.plane]


@dataclass(frozen=True)
class Dynamic(View):
    """The dynamic image. The defaults follow the DCL-SE lineage, but with exact coefficients.

    The lineage's own images are `coefficients="running", quantise=True, channels=3`. Coefficients are not symmetric:
    `reverse` is not a change of sign. Each image is scaled separately. The channels are ordered by plane, then slab,
    then channel of the scan; equal copies come last.

    `plane="all"` gives the images of the sagittal, coronal and axial slices as channels, each scaled and then padded
    with zeros on all sides to the largest number of rows and columns. Slabs cover all slices: the last one is moved
    back to end with the volume, and a slab thicker than the volume is the whole volume. `shuffle` draws one order per
    number of slices: all scans of one size, and all slabs of a scan, have the same order.
    """

    kind_name: ClassVar[str] = "dynamic"

    plane: str = param("sagittal", "plane of the pooled slices; all: all three planes as channels", (*PLANES, "all"))
    coefficients: str = param("bilen", "weights of the slices; see `rank_pooling_weights`", COEFFICIENTS)
    reverse: bool = param(False, "pool from the last slice to the first")
    scale: str = param("minmax", "minmax: each image from 0 to 255; none: the weighted sum itself", ("minmax", "none"))
    quantise: bool = param(False, "truncate the scaled image to whole numbers, as storage in bytes does")
    channels: int = param(1, "number of equal copies of the image, for a network that expects three channels", (1, 3))
    slab: int = param(0, "slices pooled to one image; 0: all of them. Each slab is a channel")
    stride: int = param(0, "slices from one slab to the next; 0: the size of a slab")
    shuffle: int = param(0, "0: slices in order; else the seed of a random order of the slices, a control")

    def __post_init__(self) -> None:
        if self.quantise and self.scale == "none":
            raise BenchError("view dynamic: quantise needs scale='minmax', not scale='none'")
        if min(self.slab, self.stride, self.shuffle) < 0:
            raise BenchError("view dynamic: slab, stride and shuffle must be 0 or more")
        if self.stride and not self.slab:
            raise BenchError(f"view dynamic: stride={self.stride} needs slabs, but slab is 0 (all slices)")
        if self.stride > self.slab:
            raise BenchError(f"view dynamic: stride={self.stride} skips slices between slabs of {self.slab}")
        if self.shuffle and self.slab == 1:
            raise BenchError("view dynamic: a slab of 1 slice has no order to shuffle")
        if self.channels > 1 and (self.plane == "all" or self.slab):
            raise BenchError(
                f"view dynamic: channels={self.channels} copies one image, but planes and slabs are channels already; "
                "set channels=1"
            )

    def poolings(self, sizes: tuple[int, ...]) -> tuple[Pooled, ...]:
        """Return the slices and weights of each image, in the order of the images.

        Parameters
        ----------
        sizes : tuple of int
            (D, H, W) of the volume.

        Returns
        -------
        tuple of Pooled
            One for each plane and slab.

        Raises
        ------
        ValueError
            If `sizes` are those of an image.
        """
        require_volumes((1, *sizes), self.kind_name)
        return _poolings(self, tuple(sizes))

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        images = self.channels * shape[0] * len(self.poolings(shape[1:]))
        return (images, *self.frame(shape[1:]))

    def frame(self, sizes: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the images of a volume of (D, H, W)."""
        planes = PLANES if self.plane == "all" else (self.plane,)
        rows, columns = zip(*(slice_shape((1, *sizes), plane)[1:] for plane in planes), strict=True)
        return max(rows), max(columns)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        return self.encode(x, [pooled.weights for pooled in self.poolings(tuple(x.shape[2:]))])

    def encode(self, x: Tensor, weights: Sequence[np.ndarray | Tensor]) -> Tensor:
        """Compute the view with given weights of the slices.

        Parameters
        ----------
        x : Tensor of shape (B, C, D, H, W)
            Prepared scans.
        weights : sequence of ndarray or Tensor of shape (slices,)
            One for each of the `poolings`; tensors can be learnt. The gradient passes the rounding to whole
            numbers unchanged (straight-through).

        Returns
        -------
        Tensor of shape (B, *shape)
            The images.

        Raises
        ------
        ValueError
            If the number of weights differs from that of the slices.
        """
        import torch

        sizes, images = tuple(x.shape[2:]), []
        frame = self.frame(sizes)
        for pooled, each in zip(self.poolings(sizes), weights, strict=True):
            axis, slices = pooled.axis, len(pooled.weights)
            if len(each) != slices:
                raise ValueError(f"{len(each)} weights for {slices} slices of plane {pooled.plane}")
            some = x if slices == sizes[axis] else x.narrow(2 + axis, pooled.start, slices)
            image = dynamic_image(some, each, axis)  # (B, C, rows, columns)
            if self.scale == "minmax":
                image = minmax_scaled(image, rounding_error(some, each))
            if self.quantise:
                image = image + (image.floor() - image).detach() if image.requires_grad else image.floor()
            images.append(padded(image, frame))
        whole = images[0] if len(images) == 1 else torch.cat(images, 1)
        return whole.repeat(1, self.channels, 1, 1) if self.channels > 1 else whole

    def left_right(self) -> int | None:
        return None if self.plane == "all" else left_right_axis(self.plane)


@lru_cache(256)
def _poolings(view: Dynamic, sizes: tuple[int, ...]) -> tuple[Pooled, ...]:
    poolings = []
    for plane in PLANES if view.plane == "all" else (view.plane,):
        slices = sizes[PLANES[plane]]
        thick = min(view.slab or slices, slices)
        starts = [*range(0, slices - thick, view.stride or thick), slices - thick]
        weights = _in_order(view, thick)
        poolings += [Pooled(plane, start, weights) for start in starts]
    return tuple(poolings)


def _in_order(view: Dynamic, slices: int) -> np.ndarray:
    """The weights in the order of the slices, after `reverse` and `shuffle`."""
    import numpy as np

    weights = rank_pooling_weights(slices, view.coefficients)
    weights = weights[::-1].copy() if view.reverse else weights
    weights = weights[np.random.default_rng(view.shuffle).permutation(slices)] if view.shuffle else weights
    weights.setflags(write=False)
    return weights
