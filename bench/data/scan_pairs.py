"""Pairs of scans: which people are tested together, and parts of a fold whose samples are ordered pairs.

A pair has two people, and pairs that share a person are not independent. So the people of a data set are divided into
couples, once and for all. No split divides a couple. Networks learn from all ordered pairs of the training part;
validated and tested are the ordered pairs inside couples alone, and a couple counts as one in every statistic. With n
people whose difficulty adds up, the mean over couples varies as much as the mean over all n (n - 1) pairs does; only
the chance of the single pair is averaged over fewer pairs. See `bench guide protocol`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench.core import BenchError, digest
from bench.data.loader import Normaliser, Part


def couples(groups: Sequence[str], clusters: Sequence[str], sites: Sequence[str]) -> tuple[str, ...]:
    """Divide people into couples by chance, the same for every study; within a site where it has two people or more.

    Parameters
    ----------
    groups : sequence of str of length N
        Person of each scan.
    clusters : sequence of str of length N
        As `groups`, but people whose scans look like one person's have one name: they are never aligned.
    sites : sequence of str of length N
        Site of each scan.

    Returns
    -------
    tuple of str of length N
        The couple of each scan: the names of its people, joined by " + ". One couple has three people if their number
        is odd.

    Raises
    ------
    BenchError
        If all scans are of one person.
    """
    if len(set(clusters)) < 2:
        raise BenchError("all scans are of one person; registration aligns scans of two people: add people")
    places: dict[str, set[str]] = defaultdict(set)
    for cluster, site in zip(clusters, sites, strict=True):
        places[site].add(cluster)
    seen: set[str] = set()
    divided: list[list[str]] = []
    alone: list[str] = []
    for site in sorted(places):
        people = sorted(places[site] - seen, key=lambda name: (digest(["couple", name]), name))
        seen |= set(people)
        if len(people) == 1:
            alone += people
        else:
            divided += _in_twos(people)
    if len(alone) == 1 and divided:
        divided[-1] += alone
    elif alone:
        divided += _in_twos(alone)
    couple_of = {name: " + ".join(sorted(members)) for members in divided for name in members}
    return tuple(couple_of[cluster] for cluster in clusters)


def _in_twos(people: Sequence[str]) -> list[list[str]]:
    """Two people each; the last three people together if their number is odd."""
    ends = [*range(2, len(people) - 1, 2), len(people)]
    return [list(people[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def pairs_of(rows: np.ndarray, clusters: Sequence[str], couple_of: Sequence[str] | None = None) -> np.ndarray:
    """The ordered pairs (fixed, moving) of scans of different people.

    Parameters
    ----------
    rows : ndarray of shape (R,)
        Scans of one part.
    clusters : sequence of str of length N
        Person of each scan of the data set.
    couple_of : sequence of str of length N or None
        Couple of each scan, if only pairs inside couples are wanted.

    Returns
    -------
    ndarray of shape (P, 2)
        Rows, in order.

    Raises
    ------
    BenchError
        If there is no such pair.
    """
    pairs = [
        (int(fixed), int(moving))
        for fixed in rows
        for moving in rows
        if clusters[fixed] != clusters[moving] and (couple_of is None or couple_of[fixed] == couple_of[moving])
    ]
    if not pairs:
        raise BenchError(f"a part of {len(rows)} scans has no two people to align; ask for fewer folds, or add people")
    return np.array(pairs, dtype=np.int64)


class PairPart(Part):
    """The pairs of one part of a fold; a sample is (fixed, moving), the channels of one after those of the other."""

    def __init__(
        self,
        array: np.ndarray,
        pairs: np.ndarray,
        masks: np.ndarray | None,
        normaliser: Normaliser,
        device: torch.device | str,
        displacement: Callable[[int, int], np.ndarray | None] = lambda fixed, moving: None,
    ) -> None:
        """array: (N, C, ...) scans. pairs: (P, 2) rows. masks: (N, ...) label maps. displacement: of two rows."""
        rows, places = np.unique(pairs, return_inverse=True)
        self._members = Part(array, rows, np.zeros(len(rows)), normaliser, device)
        self.pairs, self._places, self._masks = pairs, places.reshape(-1, 2), masks
        self.rows = pairs[:, 0]  # of the fixed scan of each pair
        self.device, self.y = self._members.device, PairTargets(pairs, masks, array.shape[2:], displacement)

    def __len__(self) -> int:
        return len(self.pairs)

    def names(self, ids: np.ndarray) -> np.ndarray:
        """The name of each pair: the ids of its two scans, the fixed one first. ids: (N,) of all scans."""
        return np.array([f"{ids[fixed]} < {ids[moving]}" for fixed, moving in self.pairs])

    def pictures(self) -> dict[str, np.ndarray]:
        """The scans of the first pair for figures, `fixed` and `moving` (...), normalised; float16."""
        pair = self.take(np.array([0]))[0][0].chunk(2, dim=0)
        shown = (scan.mean(0).cpu().numpy().astype(np.float16) for scan in pair)
        return dict(zip(("fixed", "moving"), shown, strict=True))

    def take(self, positions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Pairs at `positions`, (B, 2 C, ...), float32, normalised, and their label maps (B, 2, ...), int64."""
        places = self._places[np.asarray(positions)]  # (B, 2)
        x, _ = self._members.take(places.reshape(-1))
        x = x.reshape(len(places), -1, *x.shape[2:])
        if self._masks is None:
            return x, torch.zeros(len(places), 2, *x.shape[2:], dtype=torch.int64, device=self.device)
        labels = np.asarray(self._masks[self.pairs[np.asarray(positions)].reshape(-1)], dtype=np.int64)
        return x, torch.from_numpy(labels).reshape(len(places), 2, *labels.shape[1:]).to(self.device)


class PairTargets:
    """Targets of pairs, (P, 2 + A, ...) float32, read when they are asked for: see `bench.evaluation.registration`."""

    def __init__(
        self,
        pairs: np.ndarray,
        masks: np.ndarray | None,
        shape: tuple[int, ...],
        displacement: Callable[[int, int], np.ndarray | None],
    ) -> None:
        self._pairs, self._masks, self._shape, self._displacement = pairs, masks, tuple(shape), displacement
        self._all: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, positions: np.ndarray | slice) -> np.ndarray:
        return np.stack([self._target(*pair) for pair in self._pairs[positions].tolist()])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        if self._all is None:
            self._all = self[:]
        return self._all.astype(dtype or np.float32, copy=bool(copy))

    def _target(self, fixed: int, moving: int) -> np.ndarray:
        axes = len(self._shape)
        target = np.full((2 + axes, *self._shape), np.nan, dtype=np.float32)
        target[:2] = 0 if self._masks is None else self._masks[[fixed, moving]]
        if (known := self._displacement(fixed, moving)) is not None:
            target[2:] = known
        return target
