"""Scores of displacement fields against answers known by hand and against other programs."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from bench.evaluation import registration, segmentation
from bench.evaluation.metrics import metric

SHAPE = (8, 9, 10)
RNG = np.random.default_rng(0)


def targets(fixed, moving, truth=None):
    known = np.full((3, *SHAPE), np.nan) if truth is None else truth
    return np.concatenate([fixed[None], moving[None], known]).astype(np.float32)[None]


def box(start, label=1):
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[start : start + 3, 3:6, 3:6] = label
    return labels


def shifted(along):
    displacement = np.zeros((1, 3, *SHAPE), np.float32)
    displacement[:, 0] = along
    return displacement


def test_a_displacement_points_from_the_fixed_scan_to_the_moving_one():
    y = targets(box(2), box(4))
    scores = [float(metric("region_dice").values(y, shifted(along))[0]) for along in (0, 1, 2, -2)]
    assert scores == pytest.approx([1 / 3, 2 / 3, 1, 0])


def test_label_maps_are_warped_to_the_nearest_voxel_and_never_mixed():
    moving = box(2, 1) + box(5, 3)
    warped = registration.warp_labels(moving, shifted(0.4)[0])
    np.testing.assert_array_equal(warped, moving)
    assert set(np.unique(registration.warp_labels(moving, RNG.normal(0, 1, (3, *SHAPE))))) <= {0, 1, 3}


def test_each_structure_has_its_dice_and_one_that_is_in_neither_has_none():
    y = targets(box(1) + box(5, 2), box(1) + box(4, 2))
    np.testing.assert_allclose(registration.structure_dice(y, shifted(0), 3), [[1, 2 / 3, np.nan]])


def test_distances_are_those_of_segmentation_after_the_warp():
    moving = RNG.integers(0, 3, SHAPE)
    p, y = RNG.normal(0, 1, (1, 3, *SHAPE)).astype(np.float32), targets(RNG.integers(0, 3, SHAPE), moving)
    warped = registration.warp_labels(moving, p[0])
    expected = segmentation.hd95(y[:, 0].astype(int), warped[None], (1.0, 2.0, 3.0))
    np.testing.assert_allclose(metric("region_hd95").values(y, p, (1.0, 2.0, 3.0)), expected)


def test_the_jacobian_is_that_of_simpleitk():
    field = RNG.normal(0, 0.6, (3, *SHAPE))
    image = sitk.GetImageFromArray(np.moveaxis(field[::-1], 0, -1), isVector=True)
    inner = (slice(1, -1),) * 3
    expected = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(image))[inner]
    np.testing.assert_allclose(registration.jacobian_determinants(field), expected, atol=1e-6)


def test_a_mirror_folds_everywhere_and_a_stretch_nowhere():
    here = np.indices(SHAPE)[None].astype(np.float32)
    y = targets(box(2), box(2))
    for factor, share in ((-2.0, 1.0), (0.25, 0.0)):
        p = np.zeros((1, 3, *SHAPE), np.float32)
        p[:, 1] = factor * here[:, 1]
        assert metric("folded")(y, p) == share
    assert metric("log_jacobian_sd")(y, p) == pytest.approx(0, abs=1e-6)


def test_the_end_point_error_is_in_millimetres_over_labelled_voxels_and_unknown_without_the_truth():
    truth = np.zeros((3, *SHAPE), np.float32)
    truth[:, box(2) == 0] = 99.0
    p = np.zeros((1, 3, *SHAPE), np.float32)
    p[:, 0], p[:, 2] = 3.0, 4.0
    known = targets(box(2), box(4), truth)
    assert metric("endpoint_error")(known, p, (1.0, 1.0, 1.0)) == pytest.approx(5)
    assert metric("endpoint_error")(known, p, (2.0, 1.0, 3.0)) == pytest.approx(np.hypot(6, 12))
    assert np.isnan(metric("endpoint_error")(targets(box(2), box(4)), p, None))


@pytest.mark.parametrize("p", [np.zeros((1, 2, *SHAPE)), np.full((1, 3, *SHAPE), np.nan)])
def test_what_is_no_displacement_is_refused(p):
    with pytest.raises(ValueError, match=r"targets must be|NaN or infinite"):
        metric("region_dice")(targets(box(2), box(4)), p)
