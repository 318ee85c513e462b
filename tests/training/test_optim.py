"""What makes a step quick changes nothing that it computes: pointwise convolutions, optimisers, memory of torch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.core import Task
from bench.registry import make
from bench.training import optim
from bench.training.device import enable_determinism

CPU = torch.device("cpu")
TASK = Task("classification", "auc", ("a", "b"))


@pytest.fixture
def network():
    """A network of DCL-SE in double precision, which rounds nothing that matters here."""
    torch.manual_seed(0)
    return make("methods", "dclse").build(TASK, (3, 32, 32)).double().eval()


def answered(network, x):
    """What a network answers, and the gradients of its weights."""
    network.zero_grad()
    answer = network(x)
    answer.square().sum().backward()
    return answer.detach(), [weight.grad.clone() for weight in network.parameters()]


def test_a_network_in_another_memory_format_has_the_same_outputs_and_gradients(network):
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    plain, gradients = answered(network, x)
    with optim.memory_format(network, CPU):
        result, found = answered(network, x)
    torch.testing.assert_close(plain, result, rtol=1e-12, atol=1e-12)
    for one, other in zip(gradients, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_only_pointwise_convolutions_are_marked_and_afterwards_the_network_is_as_it_was(network):
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    before = repr(network)
    with optim.memory_format(network, CPU):
        assert {module.dilation for module in convolutions if module.kernel_size == (1, 1)} == {(2, 2)}
        assert {module.dilation for module in convolutions if module.kernel_size != (1, 1)} == {(1, 1)}
    assert repr(network) == before
    with pytest.raises(KeyError):
        interrupted(network)
    assert repr(network) == before


def interrupted(network):
    """A training that fails."""
    with optim.memory_format(network, CPU):
        raise KeyError


def test_a_pointwise_convolution_in_space_is_the_same_too():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv3d(3, 5, 1, stride=2), nn.Conv3d(5, 2, 3, padding=1, dilation=2)).double()
    x = torch.randn(2, 3, 9, 8, 7, dtype=torch.float64)
    plain = made(x)
    with optim.memory_format(made, CPU):
        torch.testing.assert_close(plain, made(x), rtol=1e-12, atol=1e-12)
        assert made[0].dilation == (2, 2, 2)
    assert made[0].dilation == (1, 1, 1)
    assert made[1].dilation == (2, 2, 2)


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
    optimisers = [optim.optimiser(method, nn.ParameterList(weights[:1]), layered=False), PLAIN[kind](weights[1:])]
    for _ in range(8):
        gradient = torch.randn(6, 3, 3, 3)
        for weight, optimiser in zip(weights, optimisers, strict=True):
            optimiser.zero_grad()
            (weight * gradient).sum().backward()  # a gradient that has another layout than the weight
            optimiser.step()
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(weights[0], start)


def test_equal_numbers_do_not_cost_a_filling_of_all_memory():
    enable_determinism(1)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory
