"""What makes a step quick changes nothing that it computes: pointwise convolutions, optimisers, memory of torch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bench import layout, runner
from bench.core import Task
from bench.registry import make

CPU = torch.device("cpu")
TASK = Task("classification", "auc", ("a", "b"))


@pytest.fixture
def doubled():
    """A network, made twice with the same weights: once as it is, once laid."""
    torch.manual_seed(0)
    plain = make("methods", "dclse").build(TASK, (3, 32, 32)).double().eval()
    laid = copy.deepcopy(plain)
    layout.lay(laid, CPU)
    return plain, laid


def test_a_laid_network_answers_the_same_with_the_same_gradients(doubled):
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    answers = [network(x) for network in doubled]
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-12, atol=1e-12)
    for answer in answers:
        answer.square().sum().backward()
    for one, other in zip(*(network.parameters() for network in doubled), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12)


def test_only_pointwise_convolutions_are_marked_and_weights_keep_their_names(doubled):
    plain, laid = doubled
    convolutions = [module for module in laid.modules() if isinstance(module, nn.Conv2d)]
    assert {module.dilation for module in convolutions if module.kernel_size == (1, 1)} == {(2, 2)}
    assert {module.dilation for module in convolutions if module.kernel_size != (1, 1)} == {(1, 1)}
    assert laid.state_dict().keys() == plain.state_dict().keys()


def test_a_pointwise_convolution_in_space_is_the_same_too():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv3d(3, 5, 1, stride=2), nn.Conv3d(5, 2, 3, padding=1)).double()
    laid = copy.deepcopy(plain)
    layout.lay(laid, CPU)
    x = torch.randn(2, 3, 9, 8, 7, dtype=torch.float64)
    torch.testing.assert_close(plain(x), laid(x), rtol=1e-12, atol=1e-12)
    assert laid[0].dilation == (2, 2, 2)
    assert laid[1].dilation == (1, 1, 1)


PLAIN = {
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.01, weight_decay=0.1, foreach=False),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.01, weight_decay=0.1, foreach=False),
    "sgd": lambda weights: torch.optim.SGD(
        weights, lr=0.01, weight_decay=0.1, momentum=0.9, nesterov=True, foreach=False
    ),
}


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_an_optimiser_takes_the_steps_of_the_plain_one(kind, form):
    torch.manual_seed(0)
    method = make("methods", "timm2d", {"optimiser": kind, "lr": 0.01, "weight_decay": 0.1})
    start = torch.randn(6, 3, 3, 3)
    weights = [nn.Parameter(start.clone().to(memory_format=form)) for _ in range(2)]
    optimisers = [layout.optimiser(method, weights[:1]), PLAIN[kind](weights[1:])]
    for _ in range(8):
        gradient = torch.randn(6, 3, 3, 3)
        for weight, optimiser in zip(weights, optimisers, strict=True):
            optimiser.zero_grad()
            (weight * gradient).sum().backward()  # a gradient that has another layout than the weight
            optimiser.step()
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(weights[0], start)


def test_equal_numbers_do_not_cost_a_filling_of_all_memory():
    runner.be_deterministic(1)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory
