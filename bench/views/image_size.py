"""Images of another size: what `size` of a view does to its result, for every kind of view."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from bench.core import BenchError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def resized_shape(shape: tuple[int, ...], size: int, kind: str) -> tuple[int, ...]:
    """Return the shape of an image whose longer side has another number of pixels.

    Parameters
    ----------
    shape : tuple of int
        (C, rows, columns).
    size : int
        Pixels of the longer side; 0: unchanged.
    kind : str
        Name of the view, for the message.

    Returns
    -------
    tuple of int
        (C, rows, columns) with the same proportions, rounded, at least one pixel along each side.

    Raises
    ------
    BenchError
        If it is a volume.
    """
    if not size:
        return shape
    if size < 0:
        raise BenchError(f"view {kind}: size must be 0 or more pixels, not {size}")
    if len(shape) != 3:
        raise BenchError(f"view {kind} gives volumes, and size is for images; set mm for coarser voxels")
    longest = max(shape[1:])
    return (shape[0], *(max(1, round(side * size / longest)) for side in shape[1:]))


def resized(images: Tensor, sizes: tuple[int, int]) -> Tensor:
    """Resize images: bilinearly to larger ones, by the means of areas to smaller ones.

    Parameters
    ----------
    images : Tensor of shape (B, C, rows, columns)
        Images.
    sizes : (int, int)
        Rows and columns of the result.

    Returns
    -------
    Tensor of shape (B, C, *sizes)
        The same images at another size.
    """
    from torch.nn import functional as F

    if tuple(images.shape[2:]) == tuple(sizes):
        return images
    if max(sizes) < max(images.shape[2:]):
        return F.interpolate(images, sizes, mode="area")
    return F.interpolate(images, sizes, mode="bilinear", align_corners=False)


def original_saliency(saliency: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """Bring a saliency map of resized images back to the pixels before; its sum is preserved.

    Parameters
    ----------
    saliency : ndarray of shape (..., rows, columns)
        A map of the resized images.
    sizes : (int, int)
        Rows and columns of the images before.

    Returns
    -------
    ndarray of shape (..., *sizes)
        The map, float64.
    """
    import torch
    from torch.nn import functional as F

    flat = torch.as_tensor(saliency).double().reshape(1, -1, *saliency.shape[-2:])
    mapped = F.interpolate(flat, sizes, mode="area") * (flat.shape[2] * flat.shape[3] / (sizes[0] * sizes[1]))
    return mapped.reshape(*saliency.shape[:-2], *sizes).numpy()


def shape_of_size(method: Callable[..., tuple[int, ...]]) -> Callable[..., tuple[int, ...]]:
    """Wrap `View.shape` of a kind of view: the shape at the size of the view."""

    @wraps(method)
    def shape(self: Any, *arguments: Any, **named: Any) -> tuple[int, ...]:
        return resized_shape(method(self, *arguments, **named), self.size, self.kind_name)

    return shape


def call_of_size(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Wrap `View.__call__` of a kind of view: the result at the size of the view."""

    @wraps(method)
    def call(self: Any, *arguments: Any, **named: Any) -> Tensor:
        images = method(self, *arguments, **named)
        return (
            resized(images, resized_shape(tuple(images.shape[1:]), self.size, self.kind_name)[1:])
            if self.size
            else images
        )

    return call


def keeps_of_size(method: Callable[..., bool]) -> Callable[..., bool]:
    """Wrap `View.keeps` of a kind of view: a view with a size changes scans."""

    @wraps(method)
    def keeps(self: Any, *arguments: Any, **named: Any) -> bool:
        return not self.size and method(self, *arguments, **named)

    return keeps
