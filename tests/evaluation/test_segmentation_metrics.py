"""The scores of label maps against MONAI, scikit-image and cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.core import Task
from bench.evaluation.metrics import evaluate, metric

MASK = Task("segmentation", "dice", ("background", "one", "two"))


def blobs(seed: int = 0, n: int = 3, shape: tuple[int, ...] = (12, 10, 8)) -> tuple[np.ndarray, np.ndarray]:
    """Label maps with classes 1 and 2 in every scan, some of them at the border of the volume."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    smooth = np.stack([gaussian_filter(rng.standard_normal(shape), 1.5) for _ in range(2 * n)])
    maps = np.digitize(smooth / smooth.std(), [0.2, 1.0]).astype(np.uint8)
    return maps[:n], maps[n:]


@pytest.mark.filterwarnings("ignore:monai.metrics.utils get_mask_edges:FutureWarning")  # of a call within MONAI
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 3.5)])
def test_segmentation_metrics_equal_those_of_monai(spacing: tuple[float, ...]) -> None:
    import torch
    from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance
    from monai.networks.utils import one_hot

    y, p = blobs()
    hot_y, hot_p = (one_hot(torch.as_tensor(maps).long()[:, None], 3) for maps in (y, p))
    distance = compute_hausdorff_distance(hot_p, hot_y, percentile=95, spacing=list(spacing))
    found = evaluate(MASK, y, p, spacing)
    assert found["dice"] == pytest.approx(float(compute_dice(hot_p, hot_y, include_background=False).mean()), abs=1e-6)
    assert found["hd95"] == pytest.approx(float(distance.mean()), rel=1e-5)
    surface = compute_average_surface_distance(hot_p, hot_y, symmetric=True, spacing=list(spacing))
    assert found["surface_distance"] == pytest.approx(float(surface.mean()), rel=1e-5)


def test_components_are_those_of_scikit_image_and_volumes_those_of_a_count() -> None:
    from skimage.measure import label

    y, p = blobs(4)
    counts = [
        [abs(int(label(a == k, connectivity=3).max()) - int(label(b == k, connectivity=3).max())) for k in (1, 2)]
        for a, b in zip(y, p, strict=True)
    ]
    volumes = [
        [abs((a == k).sum() - (b == k).sum()) / ((a == k).sum() + (b == k).sum()) for k in (1, 2)]
        for a, b in zip(y.astype(int), p.astype(int), strict=True)
    ]
    assert np.max(counts) > 0
    assert metric("component_error")(y, p) == pytest.approx(np.mean(counts))
    assert metric("volume_error")(y, p) == pytest.approx(np.mean(volumes))


def test_dice_and_distance_of_a_case_worked_by_hand() -> None:
    y, p = np.zeros((1, 8, 8), int), np.zeros((1, 8, 8), int)
    y[0, 1, 1], p[0, 1, 5] = 1, 1
    y[0, 6, 2:6], p[0, 6, 4:8] = 2, 2
    assert metric("dice")(y, p) == pytest.approx((0 + 0.5) / 2)
    # class 1: four voxels of 3 mm apart; class 2: distances 0, 0, 1, 2 voxels, whose 95 % quantile is 1.85
    assert metric("hd95")(y, p, spacing=(1.0, 3.0)) == pytest.approx((12 + 1.85 * 3) / 2)


def test_empty_masks_score_as_the_module_says() -> None:
    empty, full = np.zeros((1, 4, 4, 3), int), np.zeros((1, 4, 4, 3), int)
    full[0, 1:3, 1:3, 1] = 1
    diagonal = math.sqrt(9 + 9 + 16)
    for y, p, dice, hd95 in [(empty, empty, 1, 0), (full, empty, 0, diagonal), (empty, full, 0, diagonal)]:
        rest = {"surface_distance": hd95, "volume_error": 1 - dice, "component_error": 1 - dice}
        assert evaluate(MASK, y, p, (1, 1, 2)) == pytest.approx({"dice": dice, "hd95": hd95, **rest})
    same = dict.fromkeys(("hd95", "surface_distance", "volume_error", "component_error"), 0)
    assert evaluate(MASK, full, full) == {"dice": 1, **same}
    assert metric("dice")(np.concatenate([full, full]), np.concatenate([full, empty])) == 0.5
