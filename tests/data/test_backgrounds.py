"""What lies beyond a scan has the value of its background: air is -1000 in CT, and 0 in most others."""

from __future__ import annotations

import bids_trees
import numpy as np
import pytest

from bench.core import Dataset, Sample, Scan, Task
from bench.core.background import background_of
from bench.data.prepare.checks import decode
from bench.data.readers.image_mask_pairs import Grid, Pair, read_alone, read_pair

SHAPE = (16, 16, 14)
MM2 = np.diag([2.0, 2.0, 2.0, 1.0])


def head(air: float, tissue: float, noise: float = 0.0, dtype: type = np.float32) -> np.ndarray:
    """A box of tissue in air, with noise everywhere."""
    array = np.full(SHAPE, air) + noise * np.random.default_rng(0).random(SHAPE)
    array[4:12, 4:12, 3:11] += tissue - air
    return array.astype(dtype)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (head(-1000, 40), -1000),
        (head(-1024, 300, dtype=np.int16), -1024),
        (head(0, 800), 0),
        (head(0, 800, noise=20), 0),  # magnitude images have noise in air
        (head(0, -2), 0),  # standardised within a mask: its least value is no background
        (head(255, 60, dtype=np.uint8), 255),
        (head(1000, 1200), 1000),
        (np.random.default_rng(0).random(SHAPE), 0),  # tissue to the edges
        (np.random.default_rng(0).random(SHAPE) - 3, -3),
        (np.full(SHAPE, np.nan), 0),
    ],
)
def test_the_background_is_what_lies_at_the_edges(array, expected):
    assert background_of(array) == pytest.approx(expected, abs=0.01)


class Box(Dataset):
    task = Task("segmentation", "dice", ("a", "b"))
    shape = (2, 16, 16, 16)
    spacing = (2.0, 2.0, 2.0)

    def samples(self, root: object) -> list:
        return []


def test_preparation_pads_each_channel_with_its_background_and_masks_with_0():
    scan = Scan(np.stack([head(-1000, 40), head(0, 800)]), Box.spacing, (head(0, 1) > 0).astype(np.uint8))
    made = decode(Sample("s", "s", 0.0, "x", lambda: scan), Box(), None)
    assert made.image[:, 5, 5, [0, -1]].tolist() == [[-1000, -1000], [0, 0]]
    assert (made.mask[:, :, [0, -1]] == 0).all()
    np.testing.assert_array_equal(made.image[:, :, :, 1:-1], scan.image)


@pytest.mark.parametrize("mm", [2.0, 3.0, 1.7])
@pytest.mark.parametrize("air", [-1000, 0, 200])
def test_a_grid_that_is_larger_than_its_scan_is_filled_with_the_background(tmp_path, mm, air):
    grid = Grid(mm, (24, 24, 24))
    image = bids_trees.write_scan(tmp_path / "i.nii.gz", head(air, 300), MM2)
    mask = bids_trees.write_scan(tmp_path / "m.nii.gz", (head(0, 1) > 0).astype(np.uint8), MM2)
    scan = read_pair(Pair("a", image, mask), grid, {1: 1})
    corners = scan.image[0][np.ix_((0, 1, -2, -1), (0, 1, -2, -1), (0, 1, -2, -1))]
    np.testing.assert_allclose(corners, air, atol=1e-3)
    assert scan.image.min() > min(air, 300) - 1e-2
    assert set(np.unique(scan.mask)) == {0, 1}
    np.testing.assert_array_equal(scan.image, read_alone(image, grid).image)


@pytest.mark.parametrize("air", [-1000, 0, 200])
def test_a_view_that_pads_slices_continues_the_background_of_each_channel(air):
    import torch

    from bench.views.slices import Orthogonal

    x = np.stack([head(air, 300)[:, :, :8], head(0, 800)[:, :, :8]])[None]
    view = Orthogonal()(torch.from_numpy(x), (2.0, 2.0, 2.0))[0].numpy()
    np.testing.assert_allclose(view[[0, 2], :, 0], air)  # 8 of 16 columns are added
    np.testing.assert_allclose(view[[1, 3], :, 0], 0)
    np.testing.assert_array_equal(view[0, :, 4:12], x[0, 0, 8])


def test_the_background_of_a_view_has_no_gradient_and_the_scan_has():
    import torch

    from bench.views.slices import Orthogonal

    x = torch.from_numpy(head(-1000, 40)[None, None, :, :, :8]).requires_grad_()
    Orthogonal()(x, (2.0, 2.0, 2.0)).sum().backward()
    assert x.grad.sum() == 16 * 16 + 2 * 16 * 8  # each voxel of the three slices once
