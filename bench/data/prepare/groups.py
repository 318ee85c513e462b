"""Merge groups of samples: the groups that no split may divide, from declared groups and similar images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import Dataset, Sample
from bench.data.prepare.journal import JournalEntry
from bench.data.prepared import IMAGES

if TYPE_CHECKING:
    import numpy as np

    from bench.data.audit.alike_scans import AlikeScans


@dataclass(frozen=True)
class GroupedScans:
    """The usable scans of a set with their groups, and the search for scans of different groups that are alike."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]  # no split divides a group
    notes: tuple[str, ...]  # on merged groups
    alike: AlikeScans  # between these groups

    @property
    def joined(self) -> dict[str, list[str]]:
        """Cluster of alike scans -> its groups; empty if no scans of different groups are alike."""
        return self.alike.joined(self.groups)


def merge_groups(
    dataset: Dataset, samples: Sequence[Sample], entries: Sequence[JournalEntry], folder: Path, together: bool = False
) -> GroupedScans:
    """Group the usable samples, and search them for scans of different groups that are alike.

    folder: holds images.npy. Scans that are equal voxel by voxel always share a group. If `dataset.belong` is `alike`,
    or `together` is set, scans that look like one person's share one as well; if it is `heads`, all slices of one
    recovered head do.
    """
    import numpy as np

    from bench.data.audit.alike_scans import alike_scans
    from bench.data.audit.duplicates import name_groups
    from bench.data.audit.similarity import duplicate_pairs
    from bench.data.audit.similarity_graph import components

    declared = [sample.group for sample in samples]
    links = [*duplicate_pairs(declared), *duplicate_pairs([entry.image for entry in entries])]
    groups = name_groups(components(len(samples), links), declared)
    notes = _merge_notes(declared, groups, "scans that are equal voxel by voxel")
    notes += _contradictions(samples, entries)
    images = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
    if dataset.belong != "exact":
        merged, what = _similar_groups(dataset.belong, images, groups)
        groups, notes = merged, [*notes, *_merge_notes(groups, merged, what)]
    alike = alike_scans(images, groups)
    if together or dataset.belong == "alike":
        notes += _merge_notes(groups, alike.clusters, f"scans of a similarity of {alike.threshold:.2f} or more")
        groups, alike = alike.clusters, alike.without_pairs()
    return GroupedScans(tuple(sample.id for sample in samples), tuple(groups), tuple(notes), alike)


def _similar_groups(belong: str, images: np.ndarray, groups: Sequence[str]) -> tuple[Sequence[str], str]:
    from bench.data.audit import THRESHOLD, group_duplicates, recover_identities

    alike = f"images that are alike, or mirrored, at a correlation of {THRESHOLD} or more"
    if belong == "alike":
        return group_duplicates(images, groups), alike
    identities = recover_identities(images, groups)
    if not identities.sure:
        return group_duplicates(images, groups), f"{alike}; heads could not be identified reliably"
    stable = f"stable at thresholds from {identities.lowest} to {identities.highest}"
    return identities.groups, f"slices of one head ({stable})"


def _contradictions(samples: Sequence[Sample], entries: Sequence[JournalEntry]) -> list[str]:
    """A note on scans that are equal voxel by voxel and have different targets: at least one of these is wrong."""
    equal: dict[str, set[float]] = {}  # checksum of an image -> its targets
    for sample, entry in zip(samples, entries, strict=True):
        if entry.image and not math.isnan(sample.target):
            equal.setdefault(entry.image, set()).add(sample.target)
    wrong = [entry.image for entry in entries if len(equal.get(entry.image, ())) > 1]
    if not wrong:
        return []
    return [f"{len(wrong)} scans have the voxels of a scan with another label; `bench audit NAME --json` names them"]


def _merge_notes(before: Sequence[str], after: Sequence[str], what: str) -> list[str]:
    was, now = len(set(before)), len(set(after))
    return [f"{was} groups were merged into {now}: {what} share a group"] if now < was else []
