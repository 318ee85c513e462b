"""Deep supervision of DynUNet: coarser levels predict masks in training, and only there."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.core import BenchError, Task
from bench.method import Batch, label_losses
from bench.registry import make

TASK = Task("segmentation", "dice", ("background", "vessel"))
SHAPE = (1, 20, 22, 24)


def drawn(**more):
    method = make("methods", "monaiseg", {"network": "DynUNet", "width": 4, **more})
    torch.manual_seed(0)
    model = method.build(TASK, SHAPE)
    x = torch.randn(2, *SHAPE)
    return method, model, Batch(x, (x[:, 0] > 1).long(), torch.arange(2), TASK)


def test_the_loss_is_the_mean_of_the_levels_with_half_the_weight_of_the_finer_one():
    method, model, batch = drawn(deep_supervision=1)
    found = method.step(model.train(), batch)
    first = label_losses(model(batch.x), batch)
    (coarser,) = model.take_coarser()
    assert coarser.shape == (2, 2, *SHAPE[1:])
    torch.testing.assert_close(found, (first + 0.5 * label_losses(coarser, batch)) / 1.5)


def test_every_weight_learns_and_nothing_of_a_step_stays_in_the_network():
    method, model, batch = drawn(deep_supervision=1)
    method.step(model.train(), batch).mean().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    model.zero_grad()
    copy.deepcopy(model)  # as the average of the weights does; graphs cannot be copied
    assert model.take_coarser() == []


def test_it_predicts_one_mask():
    _, model, batch = drawn(deep_supervision=4)
    with torch.no_grad():
        assert model.eval()(batch.x).shape == (2, 2, *SHAPE[1:])


def test_without_it_the_loss_is_that_of_the_prediction():
    method, model, batch = drawn()
    torch.testing.assert_close(method.step(model.train(), batch), label_losses(model(batch.x), batch))


def test_other_networks_have_none():
    with pytest.raises(BenchError, match="only DynUNet has deep_supervision, not SegResNet"):
        make("methods", "monaiseg", {"deep_supervision": 2})
