"""Padding of images to a common size, the background of scans, and min-max scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def padded(image: Tensor, frame: tuple[int, int]) -> Tensor:
    """Pad an image (..., rows, columns) with zeros on all sides to the size of `frame`."""
    from torch.nn import functional

    if tuple(image.shape[-2:]) == frame:
        return image
    (top, bottom), (left, right) = margins(tuple(image.shape[-2:]), frame)
    return functional.pad(image, (left, right, top, bottom))


def backgrounds(x: Tensor) -> Tensor:
    """The background of each channel of scans (B, C, D, H, W): (B, C), float32; see `background_of`."""
    import torch

    from bench.core.background import background_value, edges_of

    rows = []
    for volume in x.detach().flatten(0, 1):
        edges = torch.cat(list(edges_of(volume))).cpu().numpy()
        rows.append(background_value(edges, float(volume.min()), float(volume.max())))
    return torch.tensor(rows, dtype=torch.float32, device=x.device).reshape(x.shape[:2])


def margins(sizes: tuple[int, ...], frame: tuple[int, ...]) -> list[tuple[int, int]]:
    """Padding before and after a centred image, for each axis; an odd remainder goes after."""
    return [((whole - size) // 2, whole - size - (whole - size) // 2) for size, whole in zip(sizes, frame, strict=True)]


def minmax_scaled(image: Tensor, least: Tensor | float = 0.0) -> Tensor:
    """Scale each image (..., rows, columns) to 0..255; an image whose range is at most `least` becomes 0."""
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    span = high - low
    return (image - low) / span.masked_fill(span <= least, float("inf")) * 255
