"""Pairs of similar codes in large sets, without comparing all: codes with equal signs along random directions.

Two codes of similarity s lie on the same side of a random direction with probability 1 - arccos(s) / pi: 0.77 at 0.75,
0.5 at 0. A table sorts the codes by their sides of as many directions as leave a few codes a bucket, and looks at the
pairs within a bucket. Tables are added until a pair at the threshold is missed with probability `MISSED`; pairs that
are more alike are missed far less. A longer signature drops most candidates, so that few products are computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MISSED = 0.005  # probability that a pair exactly at the threshold is not found
CROWD = 8  # codes in a bucket, about
SIGNATURE = 128  # directions of the signature
CAUTION = 4.0  # standard deviations that a signature may differ more than expected at the threshold
WIDEST = 200  # codes of a bucket beyond which only the nearest in order are compared: many copies are one component
ROWS = 2**17  # products of pairs computed at once


def similar_pairs(plain: np.ndarray, mirrored: tuple[np.ndarray, ...], least: float) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of rows whose codes, or a mirrored one and a plain one, have a similarity of `least` or more.

    Parameters
    ----------
    plain : numpy.ndarray
        (N, K) float32, rows of length 1 or 0.
    mirrored : tuple of numpy.ndarray
        (N, K) codes of the mirror images of the same rows.
    least : float
        Threshold, above 0.

    Returns
    -------
    tuple of numpy.ndarray
        (M, 2) rows, the first below the second, each pair once; and their (M,) similarities. A pair at the threshold is
        missed with probability `MISSED`. Time grows with about N to the power 1.4, memory with N.
    """
    import numpy as np

    codes, count = np.concatenate([plain, *mirrored]), len(plain)
    varying = np.flatnonzero(codes.any(axis=1))  # a constant scan is like no other
    rng = np.random.default_rng(0)
    signs = _packed(codes @ rng.normal(size=(codes.shape[1], SIGNATURE)).astype(np.float32))
    most = _most_different(least)
    found: set[int] = set()
    for order, bucket in _tables(codes[varying], least, rng):
        for first, second in _within(varying[order], bucket):
            useful = (first < count) | (second < count)
            first, second = first[useful], second[useful]
            near = np.bitwise_count(signs[first] ^ signs[second]).sum(axis=1, dtype=np.int32) <= most
            low, high = np.minimum(first[near], second[near]), np.maximum(first[near], second[near])
            found.update((low.astype(np.int64) * len(codes) + high).tolist())
    return _reached(codes, count, np.array(sorted(found), np.int64), least)


def _tables(codes: np.ndarray, least: float, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Per table the rows in the order of their buckets, and the bucket of each."""
    import numpy as np

    bits = max(1, round(math.log2(max(2, len(codes) / CROWD))))
    together = (1 - math.acos(min(1.0, least)) / math.pi) ** bits
    tables = 1 if together >= 1 else math.ceil(math.log(MISSED) / math.log1p(-together))
    weights = 2 ** np.arange(bits)
    for _ in range(tables):
        sides = (codes @ rng.normal(size=(codes.shape[1], bits)).astype(np.float32)) > 0
        bucket = sides @ weights
        order = np.argsort(bucket, kind="stable")
        yield order, bucket[order]


def _within(order: np.ndarray, bucket: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of rows in one bucket: those one place apart in order, two places apart, and so on."""
    import numpy as np

    places = np.arange(len(order))
    for apart in range(1, min(WIDEST, len(order))):
        places = places[places + apart < len(order)]
        places = places[bucket[places] == bucket[places + apart]]  # who has no neighbour so far has none farther
        if not len(places):
            return
        yield order[places], order[places + apart]


def _packed(values: np.ndarray) -> np.ndarray:
    """(N, SIGNATURE / 64) of 64 signs each."""
    import numpy as np

    return np.packbits(values > 0, axis=1).view(np.uint64)


def _most_different(least: float) -> int:
    """Signs in which the signatures of two codes at the threshold differ at most, but for chance."""
    share = math.acos(min(1.0, least)) / math.pi
    return math.ceil(SIGNATURE * share + CAUTION * math.sqrt(SIGNATURE * share * (1 - share)))


def _reached(codes: np.ndarray, count: int, found: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The candidates that reach the threshold, as pairs of the `count` scans with the largest similarity of each."""
    import numpy as np

    best: dict[tuple[int, int], float] = {}
    for start in range(0, len(found), ROWS):
        first, second = np.divmod(found[start : start + ROWS], len(codes))
        alike = np.einsum("ij,ij->i", codes[first], codes[second])
        for at in np.flatnonzero(alike >= least).tolist():
            low, high = sorted((int(first[at]) % count, int(second[at]) % count))
            if low != high:
                best[low, high] = max(float(alike[at]), best.get((low, high), -2.0))
    pairs = np.array(sorted(best), dtype=int).reshape(-1, 2)
    return pairs, np.array([best[pair] for pair in map(tuple, pairs.tolist())])
