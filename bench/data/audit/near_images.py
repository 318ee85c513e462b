"""Similar images of large sets: all pairs are compared in few numbers, and those that come near in all of them.

Images are unit vectors, so that a correlation is a distance: |a - b|^2 = 2 - 2 r. Directions of greatest variance keep
most of a distance and never lengthen it. So every pair above a threshold is near in these few numbers too, and none is
missed; the others, nearly all, cost a hundredth of a comparison of all pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.data.audit.similarity import MIRRORS, SIDE, STRIP

DIRECTIONS = 32
SAMPLE = 1000  # images from which the directions are computed
SLACK = 1e-4  # of a squared distance: sums of 32-bit numbers are no more exact
ROWS = 2**12  # pairs that are compared in all pixels at once
MOST = 2 * 10**7  # similar pairs that are kept


class TooManyPairsError(Exception):
    """So many images are alike that their pairs take more memory than comparing all."""


def near_pairs(vectors: np.ndarray, lowest: float, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of images whose correlation is at least a threshold.

    Parameters
    ----------
    vectors : ndarray of shape (N, P)
        Standardised images, as `bench.data.audit.similarity.feature_vectors` makes them.
    lowest : float
        The threshold, above 0.
    mirrored : bool
        Whether the largest correlation over the four flips of one image counts.

    Returns
    -------
    pairs : ndarray of shape (M, 2)
        Rows, the first below the second, each pair once.
    likeness : ndarray of shape (M,)
        Their correlations.

    Raises
    ------
    TooManyPairsError
        If more than `MOST` pairs are alike.
    """
    varying = np.flatnonzero(vectors.any(axis=1))  # a constant image is like no other
    directions = _directions(vectors[varying])
    coordinates = vectors @ directions
    found: dict[tuple[int, int], float] = {}
    for start, flipped in _flipped_rows(vectors, mirrored):
        for first, second in _candidates(flipped @ directions, coordinates, start, lowest):
            alike = np.einsum("ij,ij->i", flipped[first - start], vectors[second])
            kept = np.flatnonzero(alike >= lowest)
            for at in kept.tolist():
                pair = int(first[at]), int(second[at])
                found[pair] = max(float(alike[at]), found.get(pair, -2.0))
        if len(found) > MOST:
            raise TooManyPairsError
    pairs = np.array(sorted(found), dtype=int).reshape(-1, 2)
    return pairs, np.array([found[pair] for pair in map(tuple, pairs.tolist())])


def _directions(vectors: np.ndarray) -> np.ndarray:
    """(P, DIRECTIONS), orthonormal, of greatest variance over some of the images."""
    some = vectors[np.unique(np.linspace(0, len(vectors) - 1, SAMPLE).round().astype(int))] if len(vectors) else vectors
    if not len(some):
        return np.zeros((vectors.shape[1], 1), np.float32)
    _, _, axes = np.linalg.svd((some - some.mean(axis=0)).astype(np.float64), full_matrices=False)
    return axes[:DIRECTIONS].T.astype(np.float32)


def _flipped_rows(vectors: np.ndarray, mirrored: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Some rows at a time, as they are and in their flips: (first row, (rows, P))."""
    height = max(1, min(1024, STRIP // max(1, len(vectors))))
    flips: Sequence = ((), *MIRRORS) if mirrored else ((),)
    for start in range(0, len(vectors), height):
        strip = vectors[start : start + height]
        for axes in flips:
            yield start, np.flip(strip.reshape(-1, SIDE, SIDE), axes).reshape(strip.shape) if axes else strip


def _candidates(
    some: np.ndarray, every: np.ndarray, start: int, lowest: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of one of some rows and a later row that are as near as a correlation at the threshold makes them."""
    reach = 2 - 2 * lowest + SLACK
    lengths = (every**2).sum(axis=1)
    apart = (some**2).sum(axis=1)[:, None] + lengths[None] - 2 * some @ every.T
    first, second = np.nonzero(apart <= reach)
    first = first + start
    later = second > first
    first, second = first[later], second[later]
    for at in range(0, len(first), ROWS):
        yield first[at : at + ROWS], second[at : at + ROWS]
