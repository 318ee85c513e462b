"""Operations counted are operations done: closed forms for what is easily miscounted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench import cost
from bench.core import BenchError, Task
from bench.registry import make
from bench.views import dynamic_image, rank_pooling_weights

TWO = Task("classification", "auc", ("a", "b"))


@pytest.mark.parametrize(
    ("layer", "shape", "products"),
    [
        (nn.Conv2d(8, 12, 3, padding=1), (8, 10, 9), 10 * 9 * 12 * 8 * 9),
        (nn.Conv2d(8, 12, 3, padding=1, groups=4), (8, 10, 9), 10 * 9 * 12 * (8 // 4) * 9),
        (nn.Conv2d(8, 8, 5, padding=2, groups=8), (8, 10, 9), 10 * 9 * 8 * 25),
        (nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), (8, 10, 10), 5 * 5 * 8 * 9),
        (nn.Conv3d(2, 4, 3, groups=2), (2, 6, 7, 8), 4 * 5 * 6 * 4 * 27),
        (nn.Linear(30, 7), (30,), 30 * 7),
    ],
    ids=["dense", "grouped", "depthwise", "strided depthwise", "grouped 3D", "linear"],
)
def test_forward_operations_are_the_closed_form(layer, shape, products):
    assert cost.forward_flops(layer, shape) == 2 * products


class Pooling(nn.Module):
    """Rank pooling as a layer."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return dynamic_image(x, rank_pooling_weights(x.shape[2 + self.axis]), self.axis)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rank_pooling_costs_two_operations_a_voxel(axis):
    assert cost.forward_flops(Pooling(axis), (1, 11, 12, 13)) == 2 * 11 * 12 * 13


def test_measuring_changes_nothing():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    cost.forward_flops(model, (1, 8, 8))
    assert cost.seconds_per_scan(model, (1, 8, 8), repeats=1) > 0
    assert model.training
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_frozen_parameters_are_not_counted():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert cost.parameters(model) == 10


def test_measure_says_what_a_method_costs():
    found = cost.measure(make("methods", "linear"), TWO, (1, 4, 5, 6), timed=True)
    assert found.pop("seconds_per_scan") > 0
    assert found == {"parameters": 242, "forward_flops": 2 * 240}


def test_a_shape_that_a_network_cannot_read_is_told():
    with pytest.raises(BenchError, match=r"cannot read scans of \(3, 8\)"):
        cost.measure(make("methods", "dclse"), TWO, (3, 8))


def test_peak_memory_is_that_of_this_process():
    cost.reset_peak_memory("cpu")
    assert 20 < cost.peak_memory_mb(torch.device("cpu")) < 1e6
