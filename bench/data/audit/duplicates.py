"""Groups that no split may divide, from declared groups and similar images.

`group_duplicates` merges duplicates and near duplicates. `recover_identities` recovers the heads of slices without
subject ids. Both are deterministic and independent of image order; a group has the smallest name of its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data.audit.similarity import checksum, duplicate_pairs, feature_vectors
from bench.data.audit.similarity_graph import SWEEP, SimilarityGraph, components, survey, sweep_thresholds

if TYPE_CHECKING:
    import numpy as np

THRESHOLD = 0.98  # from which two images count as near duplicates
WIDE = 0.01  # range of thresholds over which heads must be stable to be reliable
AGREEMENT = 0.99  # smallest adjusted Rand index with the second method


def group_duplicates(
    images: np.ndarray,
    groups: Sequence[str],
    threshold: float | None = THRESHOLD,
    mirrored: bool = True,
    near_volumes: bool = False,
) -> tuple[str, ...]:
    """The group of each image after merging declared groups that share a duplicate.

    images: (N, C, H, W), or (N, C, D, H, W), of any number type; a memory map will do. groups: (N,) declared names.
    threshold: correlation at 64 x 64 from which images are near duplicates; None: pixel-exact duplicates only.
    mirrored: a near duplicate of the mirror image, left to right or upside down, is one as well; images only.
    near_volumes: compare volumes by their three middle slices as well; off by default because scans of different
    people in one space may be similar. Components are single linkage: see
    `bench.data.audit.similarity_graph.chaining_threshold`.
    """
    links = known_links(images, groups)
    if threshold is not None and (images.ndim == 4 or near_volumes):
        found = survey(feature_vectors(images), threshold, mirrored=mirrored and images.ndim == 4)
        links += found.at(threshold).tolist()
    return name_groups(components(len(groups), links), groups)


@dataclass(frozen=True)
class Identities:
    """The heads that images came from, and how sure that is."""

    groups: tuple[str, ...]  # (N,) the head of each image, named by the smallest name in it
    lowest: float | None  # the thresholds between which the heads stay the same, None where they never do
    highest: float | None
    agreement: float  # adjusted Rand index with components of mutual nearest neighbours, which know no threshold
    sure: bool  # the heads stay the same over 0.01 of thresholds, and the second way finds them as well


def recover_identities(images: np.ndarray, groups: Sequence[str], sweep: Sequence[float] = SWEEP) -> Identities:
    """Recover the heads of slices published without subject ids. images, groups: as in `group_duplicates`; 2D only.

    Neighbouring slices of a head are more similar than slices of two heads at the same height. So in some range of
    thresholds components are whole heads: below it they chain, above it they break up. The widest such range of the
    sweep is used. The second method links an image to its two nearest neighbours, the slices above and below, if that
    is mutual. Without a stable range only exact duplicates are merged, and `sure` is False.
    """
    return heads_of_graph(survey(feature_vectors(images), sweep[0]), known_links(images, groups), groups, sweep)


def heads_of_graph(
    graph: SimilarityGraph, links: Sequence[Sequence[int]], names: Sequence[str], sweep: Sequence[float] = SWEEP
) -> Identities:
    """The heads in a similarity graph. links: pairs known to belong together."""
    count = len(names)
    alone = components(count, links)
    run = _plateau([step.components for step in sweep_thresholds(graph, links, sweep)], len(set(alone.tolist())))
    if run is None:
        return Identities(name_groups(alone, names), None, None, 0.0, False)
    lowest, highest = sweep[run[0]], sweep[run[1]]
    labels = components(count, [*links, *graph.at(highest)])
    agreement = _agreement(labels, components(count, [*links, *mutual_neighbours(graph.neighbours)]))
    sure = highest - lowest >= WIDE - 1e-9 and agreement >= AGREEMENT
    return Identities(name_groups(labels, names), lowest, highest, round(agreement, 4), sure)


def mutual_neighbours(neighbours: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of images that are among each other's nearest. neighbours: (N, K)."""
    nearest = [set(row) for row in neighbours.tolist()]
    return [(at, other) for at, row in enumerate(nearest) for other in row if at < other and at in nearest[other]]


def known_links(images: np.ndarray, groups: Sequence[str]) -> list[list[int]]:
    """Pairs that link the images of a declared group, and pixel-exact duplicates. ValueError for unequal numbers."""
    if len(images) != len(groups):
        raise ValueError(f"{len(images)} images, but {len(groups)} groups; give one for each")
    if images.ndim not in (4, 5):
        raise ValueError(f"images of shape {images.shape}; expected (N, C, H, W) or (N, C, D, H, W)")
    return [list(pair) for pair in (*duplicate_pairs(groups), *duplicate_pairs([checksum(image) for image in images]))]


def name_groups(labels: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    """(N,): the smallest name of each component."""
    smallest: dict[int, str] = {}
    for label, name in zip(labels.tolist(), names, strict=True):
        smallest[label] = min(name, smallest.get(label, name))
    return tuple(smallest[label] for label in labels.tolist())


def _plateau(counts: Sequence[int], alone: int) -> tuple[int, int] | None:
    """First and last of the longest run of equal counts, the last of equals; None where no two are equal.

    Components at a higher threshold lie within those at a lower one: an equal number means the same components. Runs
    where everything is one component, or nothing is joined, say nothing about heads.
    """
    best, start = None, 0
    for at, count in enumerate(counts):
        if count != counts[start]:
            start = at
        if 1 < count < alone and at > start and (best is None or at - start >= best[1] - best[0]):
            best = (start, at)
    return best


def _agreement(first: np.ndarray, second: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))
