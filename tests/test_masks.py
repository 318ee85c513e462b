"""Methods that draw masks: on the grid they are given, better than the mask that is always there."""

from __future__ import annotations

import numpy as np
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
    said = model(torch.zeros(2, 1, 4, 4, 4)).argmax(1)
    assert said[0].unique().tolist() == [0, 1]
    assert said[1].nonzero()[:, 0].unique().tolist() == [1]
