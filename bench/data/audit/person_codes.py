"""Codes of scans in which two scans of one person agree, and two people do not.

All heads look alike, so a correlation of grey values says little: two people in one space reach 0.97. What they share
lies in a few directions. A code is a scan along the principal directions of its own set, each divided by its standard
deviation, so that the common shape counts no more than any other direction, and cut at three standard deviations, so
that one odd feature cannot make two scans alike. A product of two codes is their similarity, about 0 for two people.

On OASIS-1 the sessions of one person have similarities of 0.87 and more, those of different people at most 0.31.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data.audit.similarity import CHUNK, MIRRORS, SIDE, STRIP, feature_vectors

if TYPE_CHECKING:
    import numpy as np

DIRECTIONS = 200  # principal directions, at most half as many as scans
BASIS = 1000  # scans, evenly spaced, from which the directions are computed
FLAT = 1e-6  # variance of a direction, relative to the first, below which it is rounding
CUT = 3.0  # standard deviations at which a coordinate is cut
LEAST, CERTAIN, SPREAD = 0.75, 0.55, 2.5  # of `threshold`
MOST = 0.95  # threshold beyond which a set is too small to be searched


@dataclass(frozen=True, eq=False)
class PersonCodes:
    """Codes of N scans along K directions, each of length 1 (or 0 where a scan is constant)."""

    plain: np.ndarray  # (N, K) float32
    mirrored: tuple[np.ndarray, ...]  # the same of the mirror images; none for volumes
    threshold: float  # similarity from which two scans are of one person; infinite in sets that are too small

    @property
    def searchable(self) -> bool:
        """Whether the set is large enough for two scans to be alike beyond chance."""
        return self.threshold <= 1

    def strips(self) -> Iterator[tuple[int, np.ndarray]]:
        """The similarities of all pairs, some rows at a time: (first row, (rows, N)). The diagonal is -2."""
        import numpy as np

        height = max(1, min(1024, STRIP // max(1, len(self.plain))))
        for start in range(0, len(self.plain), height):
            strip = self.plain[start : start + height] @ self.plain.T
            for codes in self.mirrored:
                np.maximum(strip, codes[start : start + height] @ self.plain.T, out=strip)
            rows = np.arange(len(strip))
            strip[rows, start + rows] = -2
            yield start, strip


def person_codes(images: np.ndarray) -> PersonCodes:
    """The codes of images (N, C, H, W), or of three middle slices of volumes (N, C, D, H, W).

    A memory map is read a chunk at a time; memory grows with N times 200, not with the size of the images.
    """
    import numpy as np

    rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), BASIS)).round().astype(int))
    vectors = _features(images, rows)
    centre, directions = _basis(vectors)
    flips: tuple = (None, *(MIRRORS if images.ndim == 4 else ()))
    coordinates = np.empty((len(flips), len(images), directions.shape[1]), np.float32)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        chunk = vectors[part] if len(rows) == len(images) else feature_vectors(images[part])
        for at, axes in enumerate(flips):
            turned = chunk if axes is None else np.flip(chunk.reshape(-1, SIDE, SIDE), axes).reshape(chunk.shape)
            coordinates[at, part] = (turned - centre) @ directions
    scale = coordinates[0].std(axis=0)
    codes = [_unit(np.clip(each / scale, -CUT, CUT)) for each in coordinates]
    return PersonCodes(codes[0], tuple(codes[1:]), threshold(len(images), directions.shape[1]))


def threshold(scans: int, directions: int) -> float:
    """The similarity from which two scans are taken to be of one person.

    Similarities of different people have a standard deviation of about sqrt(1 / directions - 1 / scans): 0.05 to 0.07
    in large sets, more in small ones, where the threshold rises. It is infinite with fewer than about 40 scans.
    """
    if directions < 1:
        return math.inf
    chance = math.sqrt(max(0.0, 1 / directions - 1 / scans))
    level = max(LEAST, CERTAIN + SPREAD * chance)
    return level if level <= MOST else math.inf


def _features(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Feature vectors of some rows, read one at a time unless they are all: a slice of a memory map is not copied."""
    import numpy as np

    if len(rows) == len(images):
        return feature_vectors(images)
    return np.concatenate([feature_vectors(images[row : row + 1]) for row in rows.tolist()])


def _basis(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) mean and (P, K) principal directions of vectors (N, P), from the eigenvectors of their N x N products."""
    import numpy as np

    centre = vectors.mean(axis=0)
    centred = (vectors - centre).astype(np.float64)
    variances, weights = np.linalg.eigh(centred @ centred.T)
    most = min(DIRECTIONS, len(vectors) // 2)
    largest = np.argsort(variances)[::-1][:most]
    kept = largest[variances[largest] > FLAT * max(variances.max(initial=0), 1e-12)]
    directions = centred.T @ (weights[:, kept] / np.sqrt(variances[kept]))
    return centre, directions.astype(np.float32)


def _unit(codes: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays."""
    import numpy as np

    length = np.linalg.norm(codes, axis=1, keepdims=True)
    return np.divide(codes, length, out=np.zeros_like(codes), where=length > 0)
