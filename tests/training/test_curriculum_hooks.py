"""Stages carried out by themselves: batches of subsets, smoothed maps, dropout, sizes of masks, weighed losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from bench.curriculum import Stage
from bench.data.loader import shuffled_batches
from bench.method import Outputs
from bench.training import curriculum_hooks


def network_of_maps():
    first = nn.Conv3d(1, 4, 3, padding=1)
    return nn.Sequential(first, nn.BatchNorm3d(4), nn.Conv3d(4, 6, 1), nn.Flatten(), nn.Linear(6 * 512, 2))


def test_batches_of_a_subset_follow_the_shuffled_order_and_are_found_again():
    order, subset = curriculum_hooks.Order(12, 3, np.random.default_rng(0)), np.array([1, 4, 5, 7, 8, 11])
    plain = shuffled_batches(12, 3, np.random.default_rng(0))
    epoch = [position for _ in range(4) for position in next(plain).tolist() if position in subset]
    assert [*order.take(subset), *order.take(subset)] == epoch
    for _ in range(20):
        batch = order.take(subset)
        assert len(set(batch.tolist())) == 3
    again = curriculum_hooks.Order(12, 3, np.random.default_rng(0))
    again.go_to(*order.state)
    for each in (subset, subset[:4], None, subset):
        np.testing.assert_array_equal(order.take(each), again.take(each))
    assert order.take(subset[:2]).tolist() == [1, 4]


def test_smoothing_acts_after_spatial_convolutions_and_only_during_training():
    torch.manual_seed(0)
    network, x = network_of_maps(), torch.randn(2, 1, 8, 8, 8)
    plain = network(x)
    with curriculum_hooks.stage_hooks(network, Stage(map_blur=1.0)):
        observed = network(x)
    maps = network[1:](curriculum_hooks.smoothed(network[0](x), 1.0))
    torch.testing.assert_close(observed, maps)
    torch.testing.assert_close(network(x), plain)
    with (
        pytest.raises(ZeroDivisionError),
        curriculum_hooks.stage_hooks(network, Stage(map_blur=1.0, drop_features=0.5)),
    ):
        raise ZeroDivisionError
    torch.testing.assert_close(network(x), plain)


def test_rates_of_dropout_are_those_of_the_stage():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.4), nn.Identity(), nn.Linear(1, 1, bias=False))
    nn.init.ones_(network[2].weight)
    x = torch.ones(20000, 1)
    with curriculum_hooks.stage_hooks(network, Stage(drop_own=0.5)):
        assert network[0].p == 0.2
        assert float((network(x) == 0).float().mean()) == pytest.approx(0.2, abs=0.02)
    assert network[0].p == 0.4
    with curriculum_hooks.stage_hooks(network, Stage(drop_own=0.0, drop_features=0.3)):
        answer = network(x)
    assert float((answer == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(answer.detach().max()) == pytest.approx(1 / 0.7)


@pytest.mark.parametrize("stage", [Stage(size=(4, 4, 4)), Stage(band=(4, 4, 4))], ids=["size", "band"])
def test_masks_stay_on_the_grid_of_their_scans(stage):
    masks = torch.zeros(2, 8, 8, 8, dtype=torch.long)
    masks[:, 4:] = 1
    x, y = curriculum_hooks.apply_to_batch(masks[:, None].float(), masks, stage)
    assert x.shape == (2, 1, 4, 4, 4)
    assert torch.equal(y[0, :, 0, 0], torch.tensor([0, 0, 1, 1]))
    assert torch.equal(curriculum_hooks.apply_to_batch(x, torch.arange(2), Stage(size=(2, 2, 2)))[1], torch.arange(2))
    answers = Outputs(torch.randn(2, 3, 8, 8, 8), torch.ones(2, 1))
    assert curriculum_hooks.resize_upstream(answers, y).logits.shape == (2, 3, 4, 4, 4)
    assert curriculum_hooks.resize_upstream(answers, masks) is answers
    untouched = curriculum_hooks.apply_to_batch(x, y, Stage())
    assert untouched[0] is x
    assert untouched[1] is y


def test_a_batch_of_which_nothing_counts_is_a_step_without_a_gradient():
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    for stage in (Stage(weights=np.zeros(2)), Stage(weigh=lambda each: each * 0)):
        (gradient,) = torch.autograd.grad(curriculum_hooks.loss_of(losses, stage, torch.arange(2)), losses)
        assert gradient.tolist() == [0, 0]
    losses = losses.detach()
    weighed = curriculum_hooks.loss_of(losses, Stage(weights=torch.tensor([3.0, 1.0])), torch.arange(2))
    assert float(weighed) == pytest.approx(1.25)
    assert math.isclose(float(curriculum_hooks.loss_of(losses, Stage(), torch.arange(2))), 1.5)
