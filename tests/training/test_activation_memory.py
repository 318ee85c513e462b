"""The activations that a step keeps for its gradients: known answers, in a record, and after a kill."""

from __future__ import annotations

import pytest
import torch
from finished_trials import carried_out
from torch import nn
from torch.utils.checkpoint import checkpoint as recomputed

from bench import registry
from bench.core import Recipe, Split, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training import checkpoint
from bench.training.activation_memory import activation_memory

FLOAT = 4  # bytes


def test_a_layer_keeps_its_input_and_not_its_weights():
    model, x = nn.Linear(30, 7), torch.randn(11, 30)
    with activation_memory(model) as kept:
        model(x).sum().backward()
    assert kept.most == 11 * 30 * FLOAT
    assert kept.now == 0  # all of it is free again


def test_memory_that_two_operations_keep_is_counted_once():
    x = torch.randn(50, requires_grad=True)
    with activation_memory(nn.Identity()) as kept:
        y = x.exp()  # keeps y
        (y.sin() + y.cos() + y.view(5, 10).square().sum()).sum().backward()
    assert kept.most == 50 * FLOAT


def test_what_is_computed_again_is_not_kept():
    layers = nn.Sequential(*(part for _ in range(4) for part in (nn.Linear(20, 20), nn.Tanh())))
    x = torch.randn(9, 20, requires_grad=True)
    most = []
    for run in (layers, lambda x: recomputed(layers[4:], recomputed(layers[:4], x, use_reentrant=False),
                                             use_reentrant=False)):  # fmt: skip
        with activation_memory(layers) as kept:
            run(x).sum().backward()
        most.append(kept.most)
    assert most[0] == (4 + 1) * 9 * 20 * FLOAT  # x, and each output of tanh once
    assert most[1] < most[0]


def test_without_watching_nothing_is_counted_and_the_gradients_are_the_same_to_the_bit():
    gradients = []
    for watch in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3))
        with activation_memory(model, watch) as kept:
            model(torch.randn(2, 1, 9, 9)).square().mean().backward()
        assert (kept.most > 0) is watch
        gradients.append([weight.grad for weight in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.fixture
def trial(plugins, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    method = registry.spec("methods", "sfcn", {"channels": [4, 6], "view.mm": 4})
    recipe = Recipe(steps=4, batch_size=3, points=2)
    return Trial(prepare("tiny_volumes").spec, method, Split(folds=2), recipe=recipe)


def test_a_record_has_the_activations_of_its_training_also_after_a_kill(trial, tmp_path):
    _, record = carried_out(trial, tmp_path / "whole")
    store = Store(tmp_path / "killed")
    store.open()

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, store, True, stop)
    again = run_trial.run(trial, store, True)
    assert again.resolved["resumed_at_step"] == 2
    assert again.cost["activation_mb"] == record.cost["activation_mb"] > 0
    assert record.cost["activation_mb"] < record.cost["peak_memory_mb"]


def test_a_model_without_steps_has_none(plugins, tmp_path):
    trial = Trial(prepare("tiny_volumes").spec, registry.spec("methods", "constant"), Split(folds=2))
    assert carried_out(trial, tmp_path)[1].cost["activation_mb"] is None
