"""Who belongs together: the groups that no split may divide, with what the pixels say besides what was declared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core import Dataset, Sample
from bench.data.prepare.journal import JournalEntry
from bench.data.prepared import IMAGES


def merge_groups(
    dataset: Dataset, samples: Sequence[Sample], entries: Sequence[JournalEntry], folder: Path
) -> tuple[list[str], list[str]]:
    """The group of each sample kept, and notes on what was put together. folder: where their images lie.

    Scans that are equal voxel by voxel are always in one group. What `dataset.belong` asks for besides: `alike`, near
    duplicates and mirror images as well; `heads`, the heads that slices without names of persons were cut from.
    """
    from bench.data.audit.duplicates import name_groups
    from bench.data.audit.similarity import duplicate_pairs
    from bench.data.audit.similarity_graph import components

    declared = [sample.group for sample in samples]
    links = [*duplicate_pairs(declared), *duplicate_pairs([entry.image for entry in entries])]
    groups = name_groups(components(len(samples), links), declared)
    notes = _merge_notes(declared, groups, "scans that are equal voxel by voxel")
    if dataset.belong == "exact":
        return list(groups), notes
    found, what = _similar_groups(dataset.belong, folder, groups)
    return list(found), [*notes, *_merge_notes(groups, found, what)]


def _similar_groups(belong: str, folder: Path, groups: Sequence[str]) -> tuple[Sequence[str], str]:
    import numpy as np

    from bench.data.audit import THRESHOLD, group_duplicates, recover_identities

    images = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
    alike = f"images that are alike, or mirrored, at a correlation of {THRESHOLD} or more"
    if belong == "alike":
        return group_duplicates(images, groups), alike
    found = recover_identities(images, groups)
    if not found.sure:
        return group_duplicates(images, groups), f"{alike}; heads could not be told for sure"
    return found.groups, f"slices of one head (the same at thresholds from {found.lowest} to {found.highest})"


def _merge_notes(before: Sequence[str], after: Sequence[str], what: str) -> list[str]:
    was, now = len(set(before)), len(set(after))
    return [f"{was} groups became {now}: put together are {what}"] if now < was else []
