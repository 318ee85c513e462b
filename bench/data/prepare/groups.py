"""Merge groups of samples: the groups that no split may divide, from declared groups and duplicate images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core import Dataset, Sample
from bench.data.prepare.journal import JournalEntry
from bench.data.prepared import IMAGES


def merge_groups(
    dataset: Dataset, samples: Sequence[Sample], entries: Sequence[JournalEntry], folder: Path
) -> tuple[list[str], list[str]]:
    """The group of each usable sample, and notes on merged groups. folder: holds images.npy.

    Scans that are equal voxel by voxel always share a group. If `dataset.belong` is `alike`, near duplicates and mirror
    images share one as well; if it is `heads`, all slices of one recovered head do.
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
    merged, what = _similar_groups(dataset.belong, folder, groups)
    return list(merged), [*notes, *_merge_notes(groups, merged, what)]


def _similar_groups(belong: str, folder: Path, groups: Sequence[str]) -> tuple[Sequence[str], str]:
    import numpy as np

    from bench.data.audit import THRESHOLD, group_duplicates, recover_identities

    images = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
    alike = f"images that are alike, or mirrored, at a correlation of {THRESHOLD} or more"
    if belong == "alike":
        return group_duplicates(images, groups), alike
    identities = recover_identities(images, groups)
    if not identities.sure:
        return group_duplicates(images, groups), f"{alike}; heads could not be identified reliably"
    stable = f"stable at thresholds from {identities.lowest} to {identities.highest}"
    return identities.groups, f"slices of one head ({stable})"


def _merge_notes(before: Sequence[str], after: Sequence[str], what: str) -> list[str]:
    was, now = len(set(before)), len(set(after))
    return [f"{was} groups were merged into {now}: {what} share a group"] if now < was else []
