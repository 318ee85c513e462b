"""Back-projection of saliency on dynamic images to the volume.

A pixel of a dynamic image is a sum along a line. The network's saliency selects the line; the position along it
depends on the pooling weights alone (`weights`) or on the weights and the voxels (`contribution`), never on the
network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.core import BenchError
from bench.views.base import PLANES
from bench.views.dynamic import Dynamic
from bench.views.image_size import original_saliency
from bench.views.padding import margins
from bench.views.sliding import SlidingDynamic

WEIGHTINGS = ("weights", "contribution")


def backproject_dynamic(
    view: Dynamic,
    saliency: np.ndarray,
    x: np.ndarray,
    spacing: tuple[float, ...] | None = None,
    weights: Sequence[np.ndarray] | None = None,
    by: str = "weights",
) -> np.ndarray:
    """Back-project a saliency map of a dynamic image to the volume: (D, H, W), float64, non-negative.

    saliency: (C', rows, columns) of the view's channels, or (rows, columns) for all of them; negative values count as
    0. x: (C, D, H, W), the prepared scan. spacing: not used, an argument of every view. weights: the learnt weights,
    (slices,) for each of the view's `poolings`, in the order of the slices in the volume.
    by: `weights`, slice t gets the pixel's saliency times |a_t|; `contribution`, times |a_t V_t|, the slice's term of
    the weighted sum at this pixel (before scaling). Maps of planes, slabs, channels and copies are summed, without
    their padding.
    """
    _check(by)
    scan = np.asarray(x)
    channels, *sizes = scan.shape
    poolings, frame = view.poolings(tuple(sizes)), view.frame(tuple(sizes))
    saliency = original_saliency(np.asarray(saliency), frame) if view.size else saliency
    maps = _summed(view, saliency, (len(poolings), channels, *frame))
    own = [pooled.weights for pooled in poolings] if weights is None else [np.asarray(each, float) for each in weights]
    if [len(each) for each in own] != [len(pooled.weights) for pooled in poolings]:
        raise BenchError(
            f"weights for {[len(e) for e in own]} slices, but the view pools {[len(p.weights) for p in poolings]}"
        )
    result = np.zeros(sizes)
    for pooled, each, images in zip(poolings, own, maps, strict=True):
        part, depth = [slice(None)] * 3, np.abs(each).reshape([-1 if axis == pooled.axis else 1 for axis in range(3)])
        part[pooled.axis] = slice(pooled.start, pooled.start + len(each))
        for image, volume in zip(images, scan, strict=True):
            share = depth * np.abs(volume[tuple(part)]) if by == "contribution" else depth
            result[tuple(part)] += np.expand_dims(_without_padding(image, sizes, pooled.axis), pooled.axis) * share
    return result


def backproject_windows(view: SlidingDynamic, saliency: np.ndarray, x: np.ndarray, by: str = "weights") -> np.ndarray:
    """Back-project a saliency map of the dynamic images around every slice: (D, H, W), float64, non-negative.

    saliency: of the view's channels, (C', D, H, W); negative values count as 0. x: (C, D, H, W), the prepared scan.
    by: as in `backproject_dynamic`. The saliency of a pixel of a window's image is distributed over the window's slices
    in proportion to their terms of the weighted sum, so that the total is preserved: each window is scaled separately,
    so only the proportions are known. The saliency of the slice itself (`own`) stays on it. A pixel that is 0 in all
    slices of its window has no contributions, and its saliency is dropped.
    """
    _check(by)
    scan, saliency = np.abs(np.asarray(x, float)), np.clip(np.asarray(saliency, float), 0, None)
    channels, *sizes = scan.shape
    if saliency.shape != (images := view.shape(scan.shape, (1.0,) * 3)):
        raise BenchError(f"a saliency of {saliency.shape} does not fit images of {images}")
    axis = PLANES[view.plane]
    bands, result = np.abs(view.bands(sizes[axis])), saliency[channels:].sum(0)
    for windows, volume in zip(saliency, scan, strict=False):
        values = np.moveaxis(volume if by == "contribution" else np.ones(sizes), axis, 0)
        whole = np.tensordot(bands, values, 1)  # of each window, (T, rows, columns)
        shares = np.divide(np.moveaxis(windows, axis, 0), whole, out=np.zeros_like(whole), where=whole > 0)
        result = result + np.moveaxis(np.tensordot(bands.T, shares, 1) * values, 0, axis)
    return result


def _check(by: str) -> None:
    if by not in WEIGHTINGS:
        raise BenchError(f"no back-projection by {by!r}; choose from {', '.join(WEIGHTINGS)}")


def _without_padding(image: np.ndarray, sizes: Sequence[int], axis: int) -> np.ndarray:
    """The part of a padded image that is not padding."""
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
