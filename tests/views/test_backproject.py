"""The way back from dynamic images around every slice, against loops over windows and voxels."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.explain.nifti_maps import project_back
from bench.core import BenchError
from bench.views import PLANES, SlidingDynamic, rank_pooling_weights
from bench.views.backproject import backproject_windows

SIZES = (6, 5, 7)


def shared(view: SlidingDynamic, windows: np.ndarray, volume: np.ndarray, by: str) -> np.ndarray:
    """Each pixel of each window, given to the slices of the window voxel by voxel."""
    axis, reach = PLANES[view.plane], view.width // 2
    found, slices = np.zeros(SIZES), SIZES[axis]
    for place in np.ndindex(*SIZES):
        part = [at for at in range(place[axis] - reach, place[axis] + reach + 1) if 0 <= at < slices]
        weights = np.abs(rank_pooling_weights(len(part), view.coefficients)[:: -1 if view.reverse else 1])
        voxels = [tuple(at if each == axis else place[each] for each in range(3)) for at in part]
        gave = weights * ([abs(volume[voxel]) for voxel in voxels] if by == "contribution" else 1)
        for voxel, one in zip(voxels, gave, strict=True):
            found[voxel] += max(0, windows[place]) * one / gave.sum() if gave.sum() else 0
    return found


@pytest.mark.parametrize("by", ["weights", "contribution"])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(("plane", "width"), [("sagittal", 3), ("coronal", 5), ("axial", 21)])
def test_a_saliency_of_windows_is_shared_out_over_their_slices(plane, width, own, by):
    rng, view = np.random.default_rng(0), SlidingDynamic(plane, width, own=own, reverse=plane == "axial")
    x = rng.normal(size=(2, *SIZES))
    x[0, :, 0, 0] = 0  # a line that shows nothing
    saliency = rng.normal(size=view.shape(x.shape, (1.0,) * 3))
    expected = sum(shared(view, windows, volume, by) for windows, volume in zip(saliency, x, strict=False))
    expected = expected + np.clip(saliency[2:], 0, None).sum(0)
    np.testing.assert_allclose(backproject_windows(view, saliency, x, by), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(
        project_back(view, saliency, x, (1.0,) * 3, by), backproject_windows(view, saliency, x, by)
    )


def test_nothing_is_lost_and_a_spot_reaches_as_far_as_its_window():
    view, spot = SlidingDynamic("axial", 3), np.zeros((2, *SIZES))
    spot[0, 2, 3, 4] = 2.0
    found = backproject_windows(view, spot, np.ones((1, *SIZES)))
    assert found.sum() == pytest.approx(2)
    assert np.argwhere(found).tolist() == [[2, 3, 3], [2, 3, 4], [2, 3, 5]]
    spot[1] = spot[0]
    assert backproject_windows(view, spot, np.ones((1, *SIZES)))[2, 3, 4] == pytest.approx(2 + found[2, 3, 4])


def test_a_saliency_of_another_shape_is_refused():
    with pytest.raises(BenchError, match=r"a saliency of \(3, 6, 5, 7\) does not fit images of \(2, 6, 5, 7\)"):
        backproject_windows(SlidingDynamic(), np.ones((3, *SIZES)), np.ones((1, *SIZES)))
    with pytest.raises(BenchError, match="no back-projection by 'depth'"):
        backproject_windows(SlidingDynamic(), np.ones((2, *SIZES)), np.ones((1, *SIZES)), "depth")
