"""Graph of similar images: one pass over all pairs, then connected components at any threshold.

Only a maximum spanning forest of the pairs above the lowest threshold is stored, at most N - 1 pairs: it has the same
components as all pairs at any higher threshold. Components are single linkage, so they may chain: if a is similar to b
and b to c, then a and c share a component. `chaining_threshold` detects this.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data.audit.similarity import correlation_strips

if TYPE_CHECKING:
    import numpy as np

SWEEP = tuple(round(0.95 + 0.0025 * step, 4) for step in range(19))  # 0.95 to 0.995
ROUNDING = 2e-6  # of a correlation in 32-bit floats: pairs that much below a threshold count as reaching it
COMPARED = 10_000  # images up to which all pairs are compared in all pixels
NEIGHBOURS = 2  # a slice has one above it and one below
GROWTH, SHARE = 2, 0.05  # components chain where the largest grows that many times, beyond that part of the images


@dataclass(frozen=True, eq=False)
class SimilarityGraph:
    """Similar pairs and nearest neighbours among N images."""

    lowest: float  # no component below this threshold is known
    pairs: np.ndarray  # (M, 2) of a spanning forest of greatest likeness, M < N
    likeness: np.ndarray  # (M,) of those pairs
    neighbours: np.ndarray  # (N, 2) the images most alike, most alike first
    best: np.ndarray  # (N, cells) likeness to the most alike image of each cell, itself left out; -2 where none is

    def at(self, threshold: float) -> np.ndarray:
        """(M', 2): the pairs of the forest that reach a threshold."""
        if threshold < self.lowest:
            raise ValueError(f"the threshold {threshold} is below the lowest of the survey, {self.lowest}")
        return self.pairs[self.likeness >= threshold - ROUNDING]


@dataclass(frozen=True)
class Step:
    """Components at one threshold."""

    threshold: float
    components: int
    single: int  # components of one image
    largest: int  # images in the largest


def survey(
    vectors: np.ndarray, lowest: float = SWEEP[0], cells: np.ndarray | None = None, mirrored: bool = False
) -> SimilarityGraph:
    """Compare all pairs once. vectors: (N, P) standardised. cells: (N,) from 0, the parts compared with each other.

    mirrored: compare with mirror images as well. Memory: a strip of correlations and the forest, never N x N. Of more
    than `COMPARED` images, pairs below `lowest` are not compared in all pixels and are not among the neighbours.
    """
    if len(vectors) > COMPARED:
        from bench.data.audit.near_images import TooManyPairsError, near_pairs

        with contextlib.suppress(TooManyPairsError):
            return _sparse_graph(len(vectors), *near_pairs(vectors, lowest - ROUNDING, mirrored), lowest, cells)
    return survey_strips(correlation_strips(vectors, mirrored), len(vectors), lowest, cells)


def survey_strips(
    strips: Iterable[tuple[int, np.ndarray]], count: int, lowest: float, cells: np.ndarray | None = None
) -> SimilarityGraph:
    """As `survey`, for any similarity of `count` images. strips: (first row, (rows, count)), in order."""
    import numpy as np

    cells = np.zeros(count, int) if cells is None else cells
    forest = (np.empty((0, 2), int), np.empty(0))
    nearest = min(NEIGHBOURS, max(0, count - 1))
    neighbours = np.empty((count, nearest), int)
    best = np.full((count, int(cells.max(initial=0)) + 1), -2.0, np.float32)
    members = [np.flatnonzero(cells == cell) for cell in range(best.shape[1])]
    for start, strip in strips:
        rows = slice(start, start + len(strip))
        neighbours[rows] = _most_alike(strip, nearest)
        for cell, columns in enumerate(members):
            best[rows, cell] = strip[:, columns].max(axis=1, initial=-2)
        first, second = np.nonzero(strip >= lowest - ROUNDING)
        later = second > first + start
        pairs = np.stack([first[later] + start, second[later]], axis=1)
        forest = spanning_forest(count, forest, (pairs, strip[first[later], second[later]]))
    return SimilarityGraph(lowest, *forest, neighbours, best)


def _sparse_graph(
    count: int, pairs: np.ndarray, likeness: np.ndarray, lowest: float, cells: np.ndarray | None
) -> SimilarityGraph:
    """The graph of the pairs that reach the lowest threshold: -2 and -1 stand for likeness and neighbours below it."""
    import numpy as np

    cells = np.zeros(count, int) if cells is None else cells
    rows, others = (np.concatenate([pairs[:, one], pairs[:, 1 - one]]) for one in (0, 1))
    alike = np.concatenate([likeness, likeness]).astype(np.float32)
    best = np.full((count, int(cells.max(initial=0)) + 1), -2.0, np.float32)
    np.maximum.at(best, (rows, cells[others]), alike)
    neighbours = np.full((count, min(NEIGHBOURS, max(0, count - 1))), -1)
    order = np.lexsort((others, -alike, rows))
    starts = np.searchsorted(rows[order], np.arange(count + 1))
    for place in range(neighbours.shape[1]):
        has = np.flatnonzero(starts[:-1] + place < starts[1:])
        neighbours[has, place] = others[order][starts[has] + place]
    return SimilarityGraph(lowest, *spanning_forest(count, (pairs, likeness)), neighbours, best)


def _most_alike(strip: np.ndarray, nearest: int) -> np.ndarray:
    """(rows, nearest): columns of the largest values in descending order, ties by position."""
    import numpy as np

    columns, rows = [], np.arange(len(strip))
    copy = strip.copy()
    for _ in range(nearest):
        columns.append(copy.argmax(axis=1))
        copy[rows, columns[-1]] = -3
    return np.stack(columns, axis=1) if columns else np.empty((len(strip), 0), int)


def spanning_forest(count: int, *parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The spanning forest of greatest likeness of pairs, each given once."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    pairs = np.concatenate([pair for pair, _ in parts])
    likeness = np.concatenate([alike for _, alike in parts]).astype(np.float64)
    graph = csr_array((3 - likeness, (pairs[:, 0], pairs[:, 1])), shape=(count, count))  # a weight of 0 is no pair
    tree = minimum_spanning_tree(graph).tocoo()
    return np.stack([tree.row, tree.col], axis=1).astype(int), 3 - tree.data


def components(count: int, pairs: Iterable[Sequence[int]]) -> np.ndarray:
    """(N,): the smallest member of the component of each of `count` things, by union-find over pairs."""
    import numpy as np

    parent = list(range(count))

    def top(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for first, second in pairs:
        low, high = sorted((top(int(first)), top(int(second))))
        parent[high] = low
    return np.array([top(at) for at in range(count)], dtype=int)


def sweep_thresholds(
    graph: SimilarityGraph, links: Sequence[Sequence[int]] = (), sweep: Sequence[float] = SWEEP
) -> list[Step]:
    """Sizes of components over thresholds. links: pairs that are together at every threshold."""
    import numpy as np

    steps = []
    for threshold in sweep:
        labels = components(len(graph.best), [*links, *graph.at(threshold)])
        sizes = np.unique(labels, return_counts=True)[1]
        steps.append(Step(threshold, len(sizes), int((sizes == 1).sum()), int(sizes.max(initial=0))))
    return steps


def chaining_threshold(steps: Sequence[Step], images: int) -> float | None:
    """The highest threshold of a rising sweep at which components chain, None if they never do.

    The rule: from one step to the next lower one the largest component at least doubles, and it then holds more than a
    twentieth of the images. That is an alarm, not a proof: a set of few heads with many slices each may raise it.
    """
    for lower, upper in reversed(list(itertools.pairwise(steps))):
        if lower.largest >= GROWTH * upper.largest and lower.largest > SHARE * images:
            return lower.threshold
    return None
