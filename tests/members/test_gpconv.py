"""Learnt groups: patterns by Kronecker products, and the grouped convolutions that they are."""

from __future__ import annotations

import copy
import itertools
from functools import reduce

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.core import BenchError, Task
from bench.registry import make
from dclse.gpconv import GPConv, complexity, fold, groups_of


def explicit(gates, odd: int, rest: str, shape: tuple[int, int]) -> np.ndarray:
    """The pattern of a GPConv by `numpy.kron`, (channels_out, channels_in)."""
    factors = [np.ones((2, 2)) if gate else np.eye(2) for gate in gates]
    factors.append(np.ones((odd, odd)) if rest == "ones" else np.eye(odd))
    square = reduce(np.kron, factors, np.ones((1, 1)))
    return np.kron(square, np.ones((shape[0] // len(square), shape[1] // len(square))))


def opened(conv: GPConv, gates) -> GPConv:
    with torch.no_grad():
        conv.gates.copy_(torch.tensor([0.3 if gate else -0.3 for gate in gates]))
    return conv


def patterns(channels: int):
    doublings = (channels & -channels).bit_length() - 1
    return list(itertools.product((0, 1), repeat=doublings)), channels // 2**doublings


def compare(conv: GPConv, gates, odd: int, rest: str) -> None:
    """Training, evaluation and the folded layer against the explicit mask, in double precision."""
    opened(conv.double(), gates)
    mask = explicit(gates, odd, rest, tuple(conv.weight.shape))
    x = torch.randn(2, conv.channels_in, 3, 2, dtype=torch.float64)
    expected = torch.einsum("oi,bihw->bohw", conv.weight * torch.from_numpy(mask), x)
    torch.testing.assert_close(conv.train()(x), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(conv.eval()(x), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(fold(conv)(x), expected, rtol=0, atol=1e-12)
    assert conv.complexity().item() == pytest.approx(mask.mean())
    assert conv.groups == 2 ** (len(gates) - sum(gates)) * (odd if rest == "eye" else 1)


@pytest.mark.parametrize("rest", ["ones", "eye"])
@pytest.mark.parametrize("shape", [(a, b) for a in range(1, 17) for b in range(1, 17) if a % b == 0 or b % a == 0])
def test_every_pattern_of_gates_is_the_explicit_mask(shape, rest):
    found, odd = patterns(min(shape))
    for gates in found:
        compare(GPConv(*shape, rest=rest), gates, odd, rest)


@pytest.mark.parametrize("rest", ["ones", "eye"])
@pytest.mark.parametrize("shape", [(160, 160), (160, 40), (40, 160), (1280, 1280), (1280, 320), (320, 1280)])
def test_the_widths_of_the_network_are_the_explicit_mask(shape, rest):
    found, odd = patterns(min(shape))
    for gates in (found[0], found[-1], found[len(found) // 3], found[2 * len(found) // 3 + 1]):
        compare(GPConv(*shape, rest=rest), gates, odd, rest)


def test_in_single_precision_folded_and_unfolded_agree():
    for shape in ((160, 160), (1280, 320)):
        conv = opened(GPConv(*shape), [1, 0, 1, 0, 1, 0, 1, 0][: GPConv(*shape).gates.numel()])
        x = torch.randn(2, shape[0], 4, 4)
        unfolded, one = conv.train()(x).detach(), conv.eval()(x).detach()
        assert float((unfolded - one).norm() / unfolded.norm()) < 1e-5


def test_gradients_reach_the_gates_through_the_step():
    conv, x = GPConv(16, 16), torch.randn(2, 16, 5, 5)
    ((conv.train()(x) ** 2).mean() + conv.complexity()).backward()
    assert conv.gates.grad.shape == (4,)
    assert (conv.gates.grad != 0).all()


def test_the_gradient_of_a_gate_is_that_of_its_factor():
    """The loss is linear in each factor U_k, so what opening a gate adds to it is the derivative."""
    conv = opened(GPConv(8, 16).double(), (1, 0, 1))
    (conv.weight.detach() * conv.pattern()).sum().backward()
    for at in range(3):
        masks = [explicit([gate if k == at else (1, 0, 1)[k] for k in range(3)], 1, "ones", (16, 8)) for gate in (1, 0)]
        change = (conv.weight.detach().numpy() * (masks[0] - masks[1])).sum()
        assert conv.gates.grad[at].item() == pytest.approx(change)


def test_far_gates_open_wholly():
    conv = GPConv(8, 8)
    with torch.no_grad():
        conv.gates.copy_(torch.tensor([1234.567, 0.3, 1e-8]))
    assert (conv.pattern() == 1).all()


def test_in_evaluation_mode_the_remaining_weights_still_learn():
    conv, x = opened(GPConv(8, 8), (0, 1, 0)), torch.randn(2, 8, 3, 3)
    found = []
    for one in (conv.train(), conv.eval()):
        conv.zero_grad()
        one(x).square().sum().backward()
        found.append(conv.weight.grad.clone())
    torch.testing.assert_close(*found)


def test_widths_without_a_two_have_no_gates_and_a_gradient_all_the_same():
    conv = GPConv(16, 1)
    conv(torch.randn(2, 16, 3, 3)).sum().backward()
    assert conv.gates.numel() == 0
    assert all(weight.grad is not None for weight in conv.parameters())


def test_an_evaluation_costs_what_its_groups_cost():
    conv, x = opened(GPConv(64, 16), (0, 0, 1, 0)), torch.randn(1, 64, 5, 5)
    costs = []
    for one in (conv, copy.deepcopy(conv).eval(), fold(conv), nn.Conv2d(64, 16, 1, groups=8)):
        with FlopCounterMode(display=False) as counter:
            one(x)
        costs.append(counter.get_total_flops())
    assert costs == [2 * 64 * 16 * 25, *(2 * 64 * 16 * 25 // 8,) * 3]


def test_the_penalty_closes_gates_and_the_groups_grow():
    conv = GPConv(16, 16, groups=1)
    descent = torch.optim.SGD([conv.gates], lr=0.1)
    for _ in range(5):
        descent.zero_grad()
        conv.complexity().backward()
        descent.step()
    assert conv.groups > 1


@pytest.mark.parametrize(("groups", "found"), [(1, 1), (4, 4), (8, 8), (64, 16)])
def test_it_begins_with_the_pattern_of_a_grouped_convolution(groups, found):
    conv = GPConv(16, 16, groups=groups)
    assert conv.groups == found
    expected = np.kron(np.eye(found), np.ones((16 // found, 16 // found)))
    np.testing.assert_array_equal(conv.pattern().detach().numpy(), expected)


def test_widths_that_do_not_divide_are_refused():
    with pytest.raises(BenchError, match="one divides the other, not 6 and 16"):
        GPConv(16, 6)


def test_a_reloaded_network_runs_with_the_groups_it_was_saved_with(tmp_path):
    method, task = make("methods", "dclse", {"gpconv": "dynamic"}), Task("classification", "auc", ("a", "b"))
    torch.manual_seed(1)
    model = method.build(task, (3, 40, 40)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("gates"):
                weight.copy_(torch.randn_like(weight))
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    again = method.build(task, (3, 40, 40)).eval()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert groups_of(again) == groups_of(model)
    assert len(set(groups_of(model).values())) > 1
    x = torch.randn(2, 3, 40, 40)
    assert torch.equal(again(x), model(x))
    assert method.logged_metrics(model) == {f"groups {name}": number for name, number in groups_of(model).items()}


def test_a_folded_network_has_only_plain_convolutions_and_the_same_output():
    model = (
        make("methods", "dclse", {"gpconv": "dynamic"}).build(Task("regression", "mae"), (1, 33, 47)).double().eval()
    )
    x = torch.randn(2, 1, 33, 47, dtype=torch.float64)
    before = model(x)
    plain = fold(model)
    assert not groups_of(plain)
    assert len(groups_of(model)) == 12
    torch.testing.assert_close(plain(x), before, rtol=0, atol=1e-12)
    assert complexity(plain) == 0
