"""How images are brought to one size and one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def framed(image: Tensor, frame: tuple[int, int]) -> Tensor:
    """An image (..., rows, columns) in the middle of a frame of zeros; itself where it fills it."""
    from torch.nn import functional

    if tuple(image.shape[-2:]) == frame:
        return image
    (top, bottom), (left, right) = margins(tuple(image.shape[-2:]), frame)
    return functional.pad(image, (left, right, top, bottom))


def margins(sizes: tuple[int, ...], frame: tuple[int, ...]) -> list[tuple[int, int]]:
    """Of each axis, how much of a frame lies before and after what stands in its middle; an odd one lies after."""
    return [((whole - size) // 2, whole - size - (whole - size) // 2) for size, whole in zip(sizes, frame, strict=True)]


def stretched(image: Tensor, least: Tensor | float = 0.0) -> Tensor:
    """Each image (..., rows, columns) from 0 at its lowest to 255 at its highest; 0 where these are `least` apart."""
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    span = high - low
    return (image - low) / span.masked_fill(span <= least, float("inf")) * 255
