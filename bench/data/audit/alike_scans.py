"""Scans of different groups that look like one person's: copies, neighbouring slices, people under two names.

A cluster unites the declared groups with all pairs of scans that are more alike than people are. Single linkage: the
slices of a head form one cluster through their neighbours. `bench.data.audit.person_codes` defines the similarity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.data.audit.duplicates import name_groups
from bench.data.audit.person_codes import person_codes
from bench.data.audit.similar_pairs import similar_pairs
from bench.data.audit.similarity import duplicate_pairs
from bench.data.audit.similarity_graph import components, spanning_forest, survey_strips

if TYPE_CHECKING:
    import numpy as np

COMPARED = 10_000  # scans up to which all pairs are compared


@dataclass(frozen=True)
class AlikePair:
    """Two scans of different groups that look like one person's."""

    first: int  # row
    second: int
    similarity: float


@dataclass(frozen=True)
class AlikeScans:
    """The clusters of a set, and the pairs of scans that join groups, the most alike first."""

    clusters: tuple[str, ...]  # (N,) named by the smallest group in it
    pairs: tuple[AlikePair, ...]  # enough to join the groups of every cluster, not every pair
    threshold: float
    searched: bool  # False in sets that are too small to tell people apart by their images

    def joined(self, groups: Sequence[str]) -> dict[str, list[str]]:
        """Cluster -> its groups, of clusters with several groups. groups: (N,) as in the search."""
        members: dict[str, set[str]] = {}
        for cluster, group in zip(self.clusters, groups, strict=True):
            members.setdefault(cluster, set()).add(group)
        return {cluster: sorted(names) for cluster, names in members.items() if len(names) > 1}

    def without_pairs(self) -> AlikeScans:
        """The search after the clusters have become the groups: nothing joins them any more."""
        return replace(self, pairs=())


def alike_scans(images: np.ndarray, groups: Sequence[str]) -> AlikeScans:
    """Search a set for scans of different groups that look like one person's.

    images: (N, C, H, W), or (N, C, D, H, W), of any number type; a memory map will do. groups: (N,) declared names.
    Up to 10,000 scans all pairs are compared: 6,400 images take about 10 seconds of one core. In larger sets they are
    looked up (`bench.data.audit.similar_pairs`), where one pair of 200 is missed that only just reaches the threshold.
    """
    codes = person_codes(images)
    if not codes.searchable:
        return AlikeScans(tuple(groups), (), codes.threshold, False)
    if len(images) > COMPARED:
        found = similar_pairs(codes.plain, codes.mirrored, codes.threshold)
        joining, likeness = spanning_forest(len(images), found)
    else:
        graph = survey_strips(codes.strips(), len(images), codes.threshold)
        joining, likeness = graph.pairs, graph.likeness
    ranked = sorted(zip(likeness.tolist(), joining.tolist(), strict=True), key=lambda each: -each[0])
    pairs = tuple(
        AlikePair(*pair, round(likeness, 4)) for likeness, pair in ranked if groups[pair[0]] != groups[pair[1]]
    )
    links = [*duplicate_pairs(groups), *((pair.first, pair.second) for pair in pairs)]
    clusters = name_groups(components(len(groups), links), groups)
    return AlikeScans(clusters, pairs, codes.threshold, True)
