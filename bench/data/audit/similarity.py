"""Similarity of two images: Pearson correlation of their 64 x 64 grey versions, and checksums of their pixels.

All functions depend on pixels only. The correlation ignores contrast and brightness and hardly changes with size or
compression; a shift or rotation lowers it. Mirror images, a common augmentation of published sets, are compared if
`mirrored` is set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIDE = 64  # pixels of the grey version along each axis
CHUNK = 256  # images downsampled at once
STRIP = 2**24  # correlations in memory at once: 64 MiB of 32-bit floats
MIRRORS = (1, 2, (1, 2))  # axes of (N, SIDE, SIDE) that are flipped
FLAT = 1e-5  # standard deviation relative to the largest value below which an image counts as constant


def downsample(images: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Means over equal areas: (..., H, W) to (..., side, side) float32; a small image is enlarged by repetition."""
    import numpy as np

    rows, columns = (_areas(length, side) for length in images.shape[-2:])
    return rows @ images.astype(np.float32, copy=False) @ columns.T


def _areas(length: int, side: int) -> np.ndarray:
    """(side, length): share of each pixel in each of `side` equal parts of the axis; rows sum to one."""
    import numpy as np

    edges = np.linspace(0, length, side + 1)
    pixels = np.arange(length)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(shared, 0, None) * side / length).astype(np.float32)


def standardise(vectors: np.ndarray) -> np.ndarray:
    """(N, P) with mean 0 and length 1 a row, float32, so that a product is a correlation; a constant row is zeros."""
    import numpy as np

    result = np.zeros(vectors.shape, np.float32)
    for start in range(0, len(vectors), CHUNK):
        part = vectors[start : start + CHUNK].astype(np.float64)
        largest = np.abs(part).max(axis=1, keepdims=True)
        part -= part.mean(axis=1, keepdims=True)
        length = np.linalg.norm(part, axis=1, keepdims=True)
        varying = length > FLAT * largest * np.sqrt(part.shape[1])
        np.divide(part, length, out=part, where=varying)
        result[start : start + CHUNK] = part * varying
    return result


def feature_vectors(images: np.ndarray) -> np.ndarray:
    """Vectors to correlate: (N, C, H, W), or three middle slices of (N, C, D, H, W), to (N, P) standardised.

    Channels are averaged. A memory map is read a chunk at a time.
    """
    import numpy as np

    volumes = images.ndim == 5
    result = np.empty((len(images), SIDE * SIDE * (3 if volumes else 1)), np.float32)
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        plane = chunk if volumes else downsample(chunk.mean(axis=1, dtype=np.float32))
        result[start : start + CHUNK] = middle_slices(chunk) if volumes else plane.reshape(len(chunk), -1)
    return standardise(result)


def middle_slices(volumes: np.ndarray) -> np.ndarray:
    """(N, 3 x SIDE x SIDE) float32: grey versions of the middle slices of (N, C, D, H, W), channels averaged."""
    import numpy as np

    middles = (np.take(volumes, volumes.shape[axis] // 2, axis) for axis in (2, 3, 4))
    small = [downsample(slices.mean(axis=1, dtype=np.float32)) for slices in middles]
    return np.concatenate([part.reshape(len(volumes), -1) for part in small], axis=1)


def checksum(image: np.ndarray) -> str:
    """SHA-256 of an image's shape, type and values."""
    import numpy as np

    total = hashlib.sha256(repr((image.shape, image.dtype.str)).encode())
    total.update(np.ascontiguousarray(image).data)
    return total.hexdigest()


def correlation_strips(vectors: np.ndarray, mirrored: bool = False) -> Iterator[tuple[int, np.ndarray]]:
    """The correlations of all pairs, some rows at a time: (first row, (rows, N)). The diagonal is -2.

    mirrored: the largest correlation over the four flips of one image (none, each axis, both); images only.
    """
    import numpy as np

    height = max(1, min(1024, STRIP // max(1, len(vectors))))
    for start in range(0, len(vectors), height):
        strip = vectors[start : start + height] @ vectors.T
        for axes in MIRRORS if mirrored else ():
            images = vectors[start : start + height].reshape(-1, SIDE, SIDE)
            np.maximum(strip, np.flip(images, axes).reshape(len(strip), -1) @ vectors.T, out=strip)
        rows = np.arange(len(strip))
        strip[rows, start + rows] = -2
        yield start, strip


def duplicate_pairs(checksums: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (first, later) that link every image to the first of the same checksum."""
    first: dict[str, int] = {}
    return [(first[each], row) for row, each in enumerate(checksums) if first.setdefault(each, row) != row]
