"""Heads as brains on the grid of another data set: where they lie, how large they are, how bright."""

from __future__ import annotations

import bids_trees
import numpy as np
import pytest

from bench import registry
from bench.core import BenchError
from bench.data.readers.image_mask_pairs import Grid
from bench.datasets.pairs_ixi import CENTRE, EXTENT, GREY, LABELS, REGIONS
from bench.datasets.roi_ixi import END, MASKS

STEM = "IXI012-HH-1211-T1_ds"
MIDDLE, RADII = np.array([24, 26, 34]), np.array([14.0, 18.0, 13.0])  # voxels of 4 mm


@pytest.fixture
def head(tmp_path):
    """A brain of two regions inside a bright skull, far from the middle of its volume; the folder of the data set."""
    places = np.indices((48, 60, 60)) - MIDDLE[:, None, None, None]
    far = np.sqrt(((places / RADII[:, None, None, None]) ** 2).sum(0))
    regions = np.where(far <= 1, np.where(places[0] < 0, REGIONS[3], REGIONS[9]), 0).astype(np.float32)
    image = np.where(far <= 1, 900 + 10.0 * places[0], np.where(far <= 1.3, 3000, 20)).astype(np.float32)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    bids_trees.write_scan(tmp_path / "nifti" / f"{STEM}.nii.gz", image, affine)
    bids_trees.write_scan(tmp_path / MASKS / f"{STEM}{END}", regions, affine)
    return tmp_path


@pytest.mark.parametrize("mm", [4.0, 6.0, 8.0])
def test_a_brain_has_the_centre_the_extent_and_the_grey_values_of_another_data_set(head, mm):
    dataset = registry.make("datasets", "pairs_ixi", {"mm": mm, "grid": "brain"})
    (sample,) = dataset.samples(head)
    scan = sample.read()
    assert (scan.image.shape, scan.mask.shape, scan.spacing) == (dataset.shape, dataset.shape[1:], dataset.spacing)
    places = np.argwhere(scan.mask)
    np.testing.assert_allclose((places.mean(0) + 0.5) * mm, CENTRE, atol=0.25 * mm)
    np.testing.assert_allclose(places.std(0) * mm, EXTENT, rtol=0.05)
    assert set(np.unique(scan.mask)) == {0, LABELS[REGIONS[3]], LABELS[REGIONS[9]]}
    inside = scan.mask > 0
    assert np.median(scan.image[0][inside]) == pytest.approx(GREY, rel=0.05)
    assert scan.image[0][~inside].max() < 1.1 * GREY  # no skull
    middle = scan.affine @ [*places.mean(0), 1]
    np.testing.assert_allclose(middle[:3], 4 * MIDDLE, atol=2)  # in the scanner


def test_whole_heads_stay_as_they_were(head):
    dataset = registry.make("datasets", "pairs_ixi", {"mm": 4.0})
    (sample,) = dataset.samples(head)
    scan = sample.read()
    assert scan.image.shape == dataset.shape == (1, 45, 60, 60)
    assert scan.image.max() == 3000


def test_a_grid_lies_around_the_voxel_that_is_given():
    values = np.zeros((20, 20, 20), np.float32)
    values[4, 15, 9] = 1
    found = Grid(1.0, (5, 5, 5), centre=(4.0, 15.0, 9.0)).bring(values, (1.0, 1.0, 1.0))
    assert np.argwhere(found == 1).tolist() == [[2, 2, 2]]
    classes = Grid(1.0, (5, 5, 5), centre=(4.0, 15.0, 9.0)).bring_classes(values.astype(np.uint8), (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(classes, found.astype(np.uint8))


def test_another_grid_is_refused_by_name():
    with pytest.raises(BenchError, match="grid"):
        registry.make("datasets", "pairs_ixi", {"grid": "mni"})
