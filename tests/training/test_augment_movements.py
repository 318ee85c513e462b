"""Transforms that move voxels, against scipy: a mask moves with its scan to the voxel, and is interpolated once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from scipy.ndimage import affine_transform, map_coordinates, shift
from scipy.spatial.transform import Rotation

from bench.method.augmentation_policies import TRANSFORMS
from bench.training.augment.augmenter import change
from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import ScanRandom

RANDOM = ScanRandom(7, 10)
GRIDS = [((13, 18, 15), (2.0, 1.0, 1.5)), ((14, 19), (1.0, 1.25))]


def scan_of(sizes, spacing, channels=1):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.uniform(0, 9, (channels, *sizes))).float()
    return ChangedScan(x, torch.from_numpy(rng.integers(0, 5, sizes)), spacing, RANDOM)


def moved(scan, *kinds, step=0):
    before = scan.x[0].numpy(), scan.mask.numpy()
    change(scan, [(TRANSFORMS[kind], RANDOM.of_scan(kind, step, 0)) for kind in kinds])
    return *before, scan.x[0].numpy(), scan.mask.numpy()


def planned(sizes, spacing, *kinds, step=0):
    """The movement of some transforms before it is carried out."""
    from bench.training.augment.augmenter import APPLY

    scan = scan_of(sizes, spacing)
    for kind in kinds:
        APPLY[kind](scan, TRANSFORMS[kind].strength, RANDOM.of_scan(kind, step, 0))
    return scan


@pytest.mark.parametrize(("sizes", "spacing"), GRIDS, ids=["3d", "2d"])
@pytest.mark.parametrize("kinds", [("affine",), ("crop",), ("affine", "crop")], ids="+".join)
def test_a_scan_and_its_mask_are_moved_as_scipy_moves_them(sizes, spacing, kinds):
    plan = planned(sizes, spacing, *kinds, step=1)
    steps, centre = np.array(spacing), (np.array(sizes) - 1) / 2
    matrix = plan.matrix * steps / steps[:, None]  # of voxels
    offset = centre - matrix @ centre + plan.offset / steps
    x, mask, new, new_mask = moved(scan_of(sizes, spacing), *kinds, step=1)
    np.testing.assert_allclose(
        new, affine_transform(x.astype(float), matrix, offset, order=1, mode="nearest"), atol=1e-4
    )
    np.testing.assert_array_equal(new_mask, affine_transform(mask, matrix, offset, order=0, mode="nearest"))
    assert (new_mask != mask).any()


def test_an_affine_movement_is_rigid_in_millimetres_but_for_its_scale():
    plan = planned(*GRIDS[0], "affine")
    scale = np.linalg.det(plan.matrix) ** (1 / 3)
    assert 0.9 <= 1 / scale <= 1.1
    np.testing.assert_allclose(plan.matrix @ plan.matrix.T / scale**2, np.eye(3), atol=1e-12)
    degrees = np.rad2deg(Rotation.from_matrix(plan.matrix / scale).magnitude())
    assert 0 < degrees <= 10 * np.sqrt(3) + 1


def test_a_crop_reads_a_box_within_the_grid():
    for step in range(40):
        plan = planned(*GRIDS[0], "crop", step=step)
        reach = np.diag(plan.matrix) * plan.millimetres / 2 + abs(plan.offset)
        assert (reach <= plan.millimetres / 2 + 1e-9).all()
        assert 0.8 <= plan.matrix[0, 0] <= 1.0


@pytest.mark.parametrize(("sizes", "spacing"), GRIDS, ids=["3d", "2d"])
def test_an_elastic_movement_with_a_rotation_is_that_of_splines_in_scipy(sizes, spacing):
    plan = planned(sizes, spacing, "affine", "elastic")
    steps, centre = np.array(spacing), (np.array(sizes) - 1) / 2
    there = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij")) - centre.reshape(-1, *[1] * len(sizes))
    there = (there + plan.displacement.numpy() * np.array(sizes).reshape(-1, *[1] * len(sizes))).reshape(len(sizes), -1)
    places = plan.matrix @ (there * steps[:, None]) + plan.offset[:, None]
    places = (places / steps[:, None] + centre[:, None]).reshape(len(sizes), *sizes)
    x, mask, new, new_mask = moved(scan_of(sizes, spacing), "affine", "elastic")
    np.testing.assert_allclose(new, map_coordinates(x.astype(float), places, order=1, mode="nearest"), atol=1e-3)
    np.testing.assert_array_equal(new_mask, map_coordinates(mask, places, order=0, mode="nearest"))


def test_a_displacement_is_a_cubic_spline_through_seven_control_points():
    """Along one axis a field that varies there alone is scipy's spline with the same points."""
    from bench.training.augment.smooth_field import field, spline_functions

    points = np.random.default_rng(1).normal(size=7)
    found = field(np.tile(points[:, None], 7), [spline_functions(size) for size in (11, 6)], torch.device("cpu"))
    expected = BSpline(np.arange(-3, 8) / 4, points, 3)((np.arange(11) + 0.5) / 11)
    np.testing.assert_allclose(found.numpy(), np.tile(expected[:, None], 6), atol=1e-6)


def test_an_elastic_movement_never_folds():
    for step in range(12):
        displacement = planned((24, 30, 20), (1.0, 1.0, 1.0), "elastic", step=step).displacement.numpy()
        slopes = np.stack(
            [np.stack(np.gradient(each * size)) for each, size in zip(displacement, (24, 30, 20), strict=True)]
        )
        assert np.linalg.det((slopes + np.eye(3)[:, :, None, None, None]).transpose(2, 3, 4, 0, 1)).min() > 0.1


@pytest.mark.parametrize(("sizes", "spacing"), GRIDS, ids=["3d", "2d"])
def test_a_shift_moves_by_whole_voxels_and_repeats_the_border(sizes, spacing):
    seen = set()
    for step in range(30):
        x, mask, new, new_mask = moved(scan_of(sizes, spacing), "shift", step=step)
        voxels = np.rint(RANDOM.of_scan("shift", step, 0).uniform(-0.06, 0.06, len(sizes)) * sizes)
        np.testing.assert_array_equal(new, shift(x, voxels, order=0, mode="nearest"))
        np.testing.assert_array_equal(new_mask, shift(mask, voxels, order=0, mode="nearest"))
        seen.add(tuple(voxels))
    assert len(seen) > 3


@pytest.mark.parametrize(("sizes", "axis"), [((5, 6, 7), 0), ((5, 6), 1)], ids=["3d", "2d"])
def test_a_flip_turns_scan_and_mask_round_from_left_to_right(sizes, axis):
    x, mask, new, new_mask = moved(scan_of(sizes, (1.0,) * len(sizes)), "flip")
    np.testing.assert_array_equal(new, np.flip(x, axis))
    np.testing.assert_array_equal(new_mask, np.flip(mask, axis))


def test_all_channels_make_the_same_movement():
    scan = scan_of((9, 10, 8), (1.0, 1.0, 1.0))
    scan.x = torch.cat([scan.x, 3 * scan.x])
    change(scan, [(TRANSFORMS[kind], RANDOM.of_scan(kind, 0, 0)) for kind in ("affine", "elastic")])
    torch.testing.assert_close(scan.x[1], 3 * scan.x[0])
