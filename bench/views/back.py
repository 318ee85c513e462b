"""From an image back to the volume: where the slices that made a pixel of a dynamic image lie, and what they gave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.core import BenchError
from bench.views.dynamic import Dynamic, margins

WAYS = ("weights", "contribution")


def carry_back(
    view: Dynamic,
    saliency: np.ndarray,
    volume: np.ndarray,
    by: str = "weights",
    weights: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """A saliency of a dynamic image as a map of the volume it was made of, (D, H, W), float64, nowhere below 0.

    saliency: (C', rows, columns) of the view's channels, or (rows, columns) for all of them alike; below 0 counts as 0.
    volume: (C, D, H, W), the prepared scan. by: `weights`, a pixel's saliency times |a_t| on slice t, so that all depth
    comes from the pooling weights; `contribution`, times |a_t V_t|, what the slice gave to this very pixel. weights:
    those that were learnt, where they are not the view's. Images of planes, slabs, channels and copies are summed.
    """
    if by not in WAYS:
        raise BenchError(f"no way back {by!r}; there are {', '.join(WAYS)}")
    sizes, scan_channels = volume.shape[1:], volume.shape[0]
    poolings, frame = view.poolings(tuple(sizes)), view.frame(tuple(sizes))
    maps = _summed(view, saliency, (len(poolings), scan_channels, *frame))
    found = np.zeros(sizes)
    for number, pooled in enumerate(poolings):
        own = np.abs(pooled.weights if weights is None else np.asarray(weights[number], dtype=float))
        flat = tuple(size for axis, size in enumerate(sizes) if axis != pooled.axis)
        inner = tuple(slice(first, first + size) for (first, _), size in zip(margins(flat, frame), flat, strict=True))
        part, depth = [slice(None)] * 3, own.reshape([-1 if axis == pooled.axis else 1 for axis in range(3)])
        part[pooled.axis] = slice(pooled.start, pooled.start + len(own))
        for channel in range(scan_channels):
            share = depth * np.abs(volume[channel][tuple(part)]) if by == "contribution" else depth
            found[tuple(part)] += np.expand_dims(maps[number, channel][inner], pooled.axis) * share
    return found


def _summed(view: Dynamic, saliency: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The saliency of each image, of shape (poolings, channels of the scan, rows, columns), copies summed."""
    images = (view.channels * shape[0] * shape[1], *shape[2:])
    saliency = np.clip(np.asarray(saliency, dtype=float), 0, None)
    if saliency.ndim == 2:
        saliency = np.broadcast_to(saliency / view.channels, (images[0], *saliency.shape))
    if saliency.shape != images:
        raise BenchError(f"a saliency of {saliency.shape} does not fit images of {images}")
    return saliency.reshape(view.channels, *shape).sum(0)
