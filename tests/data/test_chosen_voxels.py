"""Voxels that were chosen one by one are named, and those of a mask, of a brain or of whole scans are not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from bench.core import Task
from bench.data.audit.chosen_voxels import chosen_voxel_lines, neighbours_share

CLASSES = Task("classification", "auc", ("healthy", "patient"))


def scans(varying: np.ndarray, count: int = 60, task: Task = CLASSES):
    """Scans that are 1 everywhere, with noise where `varying`."""
    rng = np.random.default_rng(0)
    images = np.where(varying, rng.normal(1.0, 0.2, (count, 1, *varying.shape)), 1.0).astype(np.float32)
    return SimpleNamespace(task=task, ids=[str(at) for at in range(count)], images=lambda: images)


def scattered(share: float) -> np.ndarray:
    return np.random.default_rng(1).random((16, 16, 16)) < share


def ball() -> np.ndarray:
    places = np.indices((16, 16, 16)) - 7.5
    return (places**2).sum(axis=0) < 30


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_scattered_voxels_are_named_with_their_number(share):
    varying = scattered(share)
    (line,) = chosen_voxel_lines(scans(varying))
    assert line.startswith(f"{varying.sum():,} of 4,096 voxels vary over the scans, and they lie scattered")


@pytest.mark.parametrize("varying", [ball(), np.ones((16, 16, 16), bool), np.zeros((16, 16, 16), bool)])
def test_voxels_of_a_mask_and_of_whole_scans_are_not(varying):
    assert chosen_voxel_lines(scans(varying)) == []


def test_a_tube_of_voxels_is_a_mask():
    varying = np.zeros((16, 16, 16), bool)
    varying[4, 5:7, :] = True  # as thin as a vessel
    assert chosen_voxel_lines(scans(varying)) == []


def test_few_scans_and_masks_are_not_judged():
    assert chosen_voxel_lines(scans(scattered(0.05), count=10)) == []
    masks = Task("segmentation", "dice", ("rest", "vessel"))
    assert chosen_voxel_lines(scans(scattered(0.05), task=masks)) == []


def test_the_share_of_neighbours_is_that_of_a_count_one_by_one():
    varying = np.random.default_rng(2).random((4, 5, 6)) < 0.4
    found = []
    for place in zip(*np.nonzero(varying), strict=True):
        for axis in range(3):
            for step in (-1, 1):
                other = list(place)
                other[axis] += step
                if 0 <= other[axis] < varying.shape[axis]:
                    found.append(varying[tuple(other)])
    assert neighbours_share(varying) == pytest.approx(np.mean(found))
