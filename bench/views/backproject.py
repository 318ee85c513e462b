"""From an image back to the volume: where the slices that made a pixel of a dynamic image lie, and what they gave.

A pixel of a dynamic image is one sum along a line. What a network looked at on the image says which line; where along
it, only the pooling weights say (`weights`), or those and the voxels (`contribution`), never the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.core import BenchError
from bench.views.base import PLANES
from bench.views.dynamic import Dynamic
from bench.views.padding import margins
from bench.views.sliding import SlidingDynamic

WAYS = ("weights", "contribution")


def carry_back(
    view: Dynamic,
    saliency: np.ndarray,
    x: np.ndarray,
    spacing: tuple[float, ...] | None = None,
    weights: Sequence[np.ndarray] | None = None,
    by: str = "weights",
) -> np.ndarray:
    """A saliency of a dynamic image as a map of the volume it was made of, (D, H, W), float64, nowhere below 0.

    saliency: (C', rows, columns) of the view's channels, or (rows, columns) for all of them alike; below 0 counts as 0.
    x: (C, D, H, W), the prepared scan. spacing: as every view is given it; nothing here depends on it. weights: those
    that were learnt, (slices,) for each of the view's `poolings`, in the order of the slices in the volume.
    by: `weights`, a pixel's saliency times |a_t| on slice t; `contribution`, times |a_t V_t|, the part of the weighted
    sum that the slice gave to this very pixel (before it was scaled). Maps of planes, slabs, channels and copies are
    summed, each without its padding.
    """
    _check(by)
    scan = np.asarray(x)
    channels, *sizes = scan.shape
    poolings, frame = view.poolings(tuple(sizes)), view.frame(tuple(sizes))
    maps = _summed(view, saliency, (len(poolings), channels, *frame))
    own = [pooled.weights for pooled in poolings] if weights is None else [np.asarray(each, float) for each in weights]
    if [len(each) for each in own] != [len(pooled.weights) for pooled in poolings]:
        raise BenchError(
            f"weights of {[len(e) for e in own]} slices; of {[len(p.weights) for p in poolings]} are pooled"
        )
    found = np.zeros(sizes)
    for pooled, each, images in zip(poolings, own, maps, strict=True):
        part, depth = [slice(None)] * 3, np.abs(each).reshape([-1 if axis == pooled.axis else 1 for axis in range(3)])
        part[pooled.axis] = slice(pooled.start, pooled.start + len(each))
        for image, volume in zip(images, scan, strict=True):
            share = depth * np.abs(volume[tuple(part)]) if by == "contribution" else depth
            found[tuple(part)] += np.expand_dims(_unframed(image, sizes, pooled.axis), pooled.axis) * share
    return found


def windows_back(view: SlidingDynamic, saliency: np.ndarray, x: np.ndarray, by: str = "weights") -> np.ndarray:
    """A saliency of dynamic images around every slice as a map of the volume, (D, H, W), float64, nowhere below 0.

    saliency: of the view's channels, (C', D, H, W); below 0 counts as 0. x: (C, D, H, W), the prepared scan. by: as in
    `carry_back`. What lies on a pixel of a window's image is shared out over the slices of the window by their parts of
    the weighted sum, so that the sum over the volume stays: windows are scaled each by itself, and only how their
    slices compare is known. What lies on the slice itself (`own`) stays there. A pixel that is 0 in all slices of its
    window has no contributions to share by, and is left out.
    """
    _check(by)
    scan, saliency = np.abs(np.asarray(x, float)), np.clip(np.asarray(saliency, float), 0, None)
    channels, *sizes = scan.shape
    if saliency.shape != (images := view.shape(scan.shape, (1.0,) * 3)):
        raise BenchError(f"a saliency of {saliency.shape} does not fit images of {images}")
    axis = PLANES[view.plane]
    bands, found = np.abs(view.bands(sizes[axis])), saliency[channels:].sum(0)
    for windows, volume in zip(saliency, scan, strict=False):
        there = np.moveaxis(volume if by == "contribution" else np.ones(sizes), axis, 0)
        whole = np.tensordot(bands, there, 1)  # of each window, (T, rows, columns)
        shares = np.divide(np.moveaxis(windows, axis, 0), whole, out=np.zeros_like(whole), where=whole > 0)
        found = found + np.moveaxis(np.tensordot(bands.T, shares, 1) * there, 0, axis)
    return found


def _check(by: str) -> None:
    if by not in WAYS:
        raise BenchError(f"no way back {by!r}; there are {', '.join(WAYS)}")


def _unframed(image: np.ndarray, sizes: Sequence[int], axis: int) -> np.ndarray:
    """The part of a framed image that is not padding."""
    flat = tuple(size for each, size in enumerate(sizes) if each != axis)
    starts = [before for before, _ in margins(flat, image.shape)]
    return image[tuple(slice(start, start + size) for start, size in zip(starts, flat, strict=True))]


def _summed(view: Dynamic, saliency: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The saliency of each image, of shape (poolings, channels of the scan, rows, columns), copies summed."""
    saliency, images = np.clip(np.asarray(saliency, float), 0, None), (view.channels * shape[0] * shape[1], *shape[2:])
    if saliency.shape == shape[2:]:
        return np.broadcast_to(saliency, shape)
    if saliency.shape != images:
        raise BenchError(f"a saliency of {saliency.shape} does not fit images of {images}")
    return saliency.reshape(view.channels, *shape).sum(0)
