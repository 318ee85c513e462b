"""Groups that no split may divide: what was declared, and what the pixels say belongs together besides.

`grouped` joins duplicates and near duplicates. `identities` finds the heads that slices without subject ids came from.
Both are deterministic; another order of the images gives the same groups, and a group is named by its smallest name.
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
WIDE = 0.01  # of thresholds over which heads have to stay the same to be believed
AGREEMENT = 0.99  # adjusted Rand index with the second way of finding them


def group_duplicates(
    images: np.ndarray,
    groups: Sequence[str],
    threshold: float | None = THRESHOLD,
    mirrored: bool = True,
    near_volumes: bool = False,
) -> tuple[str, ...]:
    """The group of each image, duplicates being in one: declared groups that share a duplicate become one.

    images: (N, C, H, W), or (N, C, D, H, W), of any number type; a memory map will do. groups: (N,) declared names.
    threshold: correlation at 64 x 64 from which images are near duplicates; None: pixel-exact duplicates only.
    mirrored: a near duplicate of the mirror image, left to right or upside down, is one as well; images only.
    near_volumes: hold volumes against each other by their three middle slices as well; it is off because scans of
    different people in one space may be alike. Components are single linkage: see
    `bench.data.audit.similarity_graph.chained`.
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
    """Recover the heads of slices published without subject ids. images, groups: as in `grouped`; images only.

    Neighbouring slices of a head are more alike than slices of two heads at one height. So there is a range of
    thresholds in which components are whole heads: below it they chain, above it they fall apart. The widest such
    range of the sweep is looked for. The second way links an image to its two nearest, the slice above and the one
    below, where that is mutual. Where no range is found, only exact duplicates are joined, and `sure` is False.
    """
    return heads_of_graph(survey(feature_vectors(images), sweep[0]), known_links(images, groups), groups, sweep)


def heads_of_graph(
    found: SimilarityGraph, links: Sequence[Sequence[int]], names: Sequence[str], sweep: Sequence[float] = SWEEP
) -> Identities:
    """The heads in a survey. links: pairs known to be together."""
    count = len(names)
    alone = components(count, links)
    run = _plateau([step.components for step in sweep_thresholds(found, links, sweep)], len(set(alone.tolist())))
    if run is None:
        return Identities(name_groups(alone, names), None, None, 0.0, False)
    lowest, highest = sweep[run[0]], sweep[run[1]]
    labels = components(count, [*links, *found.at(highest)])
    agreement = _agreement(labels, components(count, [*links, *mutual_neighbours(found.neighbours)]))
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
