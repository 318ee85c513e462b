"""An ensemble predicts the mean of its members, each trained as it would be alone."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.core import BenchError, Task
from bench.method import Batch
from bench.registry import make

TASKS = {"classes": Task("classification", "auc", ("a", "b", "c")), "numbers": Task("regression", "mae", unit="years")}
SMALL = {"member_params": {"network": "resnet10t"}, "size": 3}


def drawn(kind):
    torch.manual_seed(0)
    y = torch.tensor([0, 1, 2, 0]) if kind == "classes" else torch.randn(4)
    return Batch(torch.randn(4, 3, 32, 32), y, torch.arange(4), TASKS[kind])


@pytest.mark.parametrize("kind", TASKS)
def test_the_prediction_is_the_mean_of_the_members(kind):
    method, batch = make("methods", "ensemble", SMALL), drawn(kind)
    model = method.build(TASKS[kind], (3, 32, 32)).eval()
    with torch.no_grad():
        parts = [member(batch.x) for member in model.members]
        assert not torch.allclose(parts[0], parts[1])
        found = model(batch.x)
    if kind == "numbers":
        torch.testing.assert_close(found, sum(parts) / 3)
    else:
        torch.testing.assert_close(found.softmax(1), sum(part.softmax(1) for part in parts) / 3)


@pytest.mark.parametrize("kind", TASKS)
def test_a_member_gets_the_gradient_that_it_would_get_alone(kind):
    method, batch = make("methods", "ensemble", SMALL), drawn(kind)
    model = method.build(TASKS[kind], (3, 32, 32)).train()
    alone = copy.deepcopy(model.members[1])
    losses = method.step(model, batch)
    losses.mean().backward()
    single = make("methods", "timm2d", {"network": "resnet10t"}).step(alone, batch)
    single.mean().backward()
    for one, other in zip(model.members[1].parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    others = [member(batch.x).detach() for member in model.members]
    assert len(others) == 3
    assert losses.shape == (4,)


def test_the_training_parameters_are_those_of_the_member():
    method = make("methods", "ensemble", {"member": "dclse", "lr": 0.002, "augment": "flip"})
    assert method.view == make("methods", "dclse").view
    assert (method.lr, method._member.lr) == (0.002, 0.002)
    assert str(method._member.augment) == str(method.augment)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"member": "linear"}, "linear cannot be a member: it has no initial weights"),
        ({"member": "ensemble"}, "it is an ensemble itself"),
        ({"member": "similarity_graph"}, "similarity_graph cannot be a member: it has a teacher"),
        ({"size": 1}, "size must be from 2 to 100"),
        ({"lr": 0.1, "member_params": {"lr": 0.2}}, "lr is 0.1, but member_params has another value"),
    ],
)
def test_impossible_ensembles_are_refused(params, says):
    with pytest.raises(BenchError, match=says):
        make("methods", "ensemble", params)
