"""Methods that draw masks: on the grid they are given, better than the mask that is always there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.core import Task
from bench.registry import make

TWO = Task("classification", "auc", ("a", "b"))
MASK = Task("segmentation", "dice", ("background", "vessel"))


def test_who_draws_masks_does_not_claim_to_classify():
    assert make("methods", "unet3d").refuses(MASK, (1, 32, 32, 32)) is None
    assert "not one class or number" in make("methods", "unet3d").refuses(TWO, (1, 32, 32, 32))
    assert "volumes" in make("methods", "unet3d").refuses(MASK, (3, 64, 64))


def test_a_unet_answers_on_the_grid_it_was_given():
    model = make("methods", "unet3d", {"channels": (4, 8, 16)}).build(MASK, (1, 13, 10, 9))
    assert model(torch.zeros(2, 1, 13, 10, 9)).shape == (2, MASK.outputs, 13, 10, 9)


def test_the_constant_mask_is_the_most_frequent_one():
    masks = np.zeros((5, 4, 4, 4), np.uint8)
    masks[:3, 1] = 1
    masks[:2, 2] = 1
    method = make("methods", "constant")
    model = method.build(MASK, (1, 4, 4, 4))
    method.solve(model, np.zeros((5, 1, 4, 4, 4)), masks, MASK, 0)
    result = model(torch.zeros(2, 1, 4, 4, 4)).argmax(1)
    assert result[0].unique().tolist() == [0, 1]
    assert result[1].nonzero()[:, 0].unique().tolist() == [1]


def tube(*places: slice) -> np.ndarray:
    mask = np.zeros((1, 12, 30, 12), np.uint8)
    for place in places:
        mask[0, 4:7, place, 4:7] = 1
    return mask


def test_the_dice_of_centre_lines_is_that_of_lengths():
    from bench.evaluation.metrics import metric

    whole, half = tube(slice(2, 28)), tube(slice(2, 15))
    cldice = metric("cldice")
    assert cldice(whole, whole) == 1
    recall = 13 / 26  # the line of the whole tube that lies in its half, give or take the ends that thinning eats
    assert cldice(whole, half) == pytest.approx(2 * recall / (1 + recall), abs=0.05)
    assert cldice(half, whole) == pytest.approx(cldice(whole, half))
    thick = whole.copy()
    thick[0, 3:8, 2:28, 3:8] = 1
    assert cldice(whole, thick) == pytest.approx(1, abs=0.05)
    assert metric("dice")(whole, thick) < 0.6
    empty = np.zeros_like(whole)
    assert cldice(whole, empty) == cldice(empty, whole) == 0
    assert cldice(empty, empty) == 1
    point = empty.copy()
    point[0, 3, 3, 3] = 1
    assert cldice(point, point) == 1


def test_the_dice_of_centre_lines_is_the_one_of_independent_arithmetic():
    """On real artery masks and another network's answers, from skeletons of the whole volume."""
    import os
    from pathlib import Path

    import nibabel as nib
    from skimage.morphology import skeletonize

    from bench.evaluation.metrics import metric

    root = Path(os.environ.get("BENCH_TEST_DATA", "")) / "vessel_masks" / "ixi"
    if not os.environ.get("BENCH_TEST_DATA") or not root.is_dir():
        pytest.skip("BENCH_TEST_DATA names no folder with vessel_masks: there are no artery masks to score")
    y, p = (np.asarray(nib.load(root / name).dataobj) > 0.5 for name in ("IXI060.nii.gz", "IXI060_pred.nii.gz"))
    if y.shape != p.shape:
        pytest.skip("the published prediction does not lie on the grid of its mask")
    y, p = y[:160, :160], p[:160, :160]
    precision, recall = y[skeletonize(p)].mean(), p[skeletonize(y)].mean()
    expected = 2 * precision * recall / (precision + recall)
    assert metric("cldice")(y[None], p[None]) == pytest.approx(expected, abs=0.01)
