"""What released programs of distillation got wrong, each with a test that would notice it here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench import registry
from bench.core import Recipe, Spec, Split, Task, Trial
from bench.data.loader import Normaliser, Part, view_array
from bench.data.prepare import prepare
from bench.method import Batch, Outputs
from bench.training import inference
from bench.training.training_setup import autocast
from bench.training.trial_data import load_trial_data

TWO = Task("classification", "auc", ("a", "b"))
FEATURES_ALONE = {
    "similarity_graph": {"network": "resnet10t", "kd": 5.0, "logit_graph": False, "metric": False},
    "distil": {
        "loss": "similarity_graph",
        "student_params": {"network": "resnet10t"},
        "label_weight": 0.0,
        "metric_weight": 0.0,
    },
}


@pytest.mark.parametrize("name", FEATURES_ALONE)
def test_the_graph_of_features_teaches_the_network_that_answers_and_no_copy_of_it(name):
    method = registry.make("methods", name, FEATURES_ALONE[name])
    torch.manual_seed(0)
    model, x = method.build(TWO, (3, 32, 32)), torch.randn(6, 3, 32, 32)
    logits = torch.zeros(6, 2)  # a teacher that has features to tell and no answers
    batch = Batch(x, torch.arange(6) % 2, torch.arange(6), TWO, upstream=[Outputs(logits, torch.randn(6, 7))])
    silent = {"weight" if name == "distil" else "kd": 0.0}
    bare = registry.make("methods", name, {**FEATURES_ALONE[name], **silent})
    before = _stem(model, method, batch) - _stem(model, bare, batch)
    assert before.abs().max() > 1e-6
    weights = [weight for key, weight in model.named_parameters() if "fc" not in key]
    answers = model.eval()(x).detach()
    steps = torch.autograd.grad(method.step(model, batch).mean(), weights)
    with torch.no_grad():
        for weight, step in zip(weights, steps, strict=True):
            weight -= 0.1 * step
    assert not torch.allclose(model(x), answers)


def _stem(model, method, batch):
    """The gradient of the first weight of the network."""
    return torch.autograd.grad(method.step(model.eval(), batch).mean(), next(model.parameters()))[0]


@pytest.mark.parametrize("fusion", ["early", "joint"])
def test_every_one_of_the_nine_slices_of_fused_planes_is_read(fusion):
    method = registry.make("methods", "fuseme", {"fusion": fusion, "network": "resnet10t"})
    torch.manual_seed(0)
    model, x = method.build(TWO, (1, 33, 35, 37)).eval(), torch.randn(1, 1, 33, 35, 37)
    x.requires_grad_()
    model(x)[0, 0].backward()
    for axis, size in enumerate((33, 35, 37), start=2):
        middle = size // 2
        strength = [x.grad.select(axis, at).abs().sum().item() for at in range(size)]
        assert min(strength[middle - 1 : middle + 2]) > max(strength[: middle - 1])  # crossed by two other planes


def test_every_part_is_normalised_by_the_training_part(plugins):
    made = prepare("tiny_volumes", {"people": 24})
    trial = Trial(made.spec, Spec("linear", 1, {}), Split(folds=3), recipe=Recipe(steps=2))
    method = registry.make("methods", "timm2d", {"network": "resnet10t", "view": "max"})
    data = load_trial_data(trial, method, torch.device("cpu"))
    raw = np.asarray(view_array(data.prepared, data.view), np.float64)
    known = raw[data.fold.train]
    mean, deviation = known.mean((0, 2, 3), keepdims=True)[0], known.std((0, 2, 3), keepdims=True)[0]
    for part, rows in ((data.part(data.fold.val), data.fold.val), (data.test(), data.fold.test)):
        image = torch.cat([x for _, x, _ in part.batches(2)]).numpy()
        np.testing.assert_allclose(image, (raw[rows] - mean) / deviation, atol=1e-3)
        assert abs(image.mean()) > 1e-6  # by its own statistics it would be 0


def test_evaluation_moves_no_statistics_and_judges_each_scan_by_itself():
    model = registry.make("methods", "timm2d", {"network": "resnet10t"}).build(TWO, (1, 32, 32)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    array = np.random.default_rng(0).normal(3, 2, size=(5, 1, 32, 32)).astype(np.float32)
    part = Part(array, np.arange(5), np.zeros(5, np.int64), Normaliser.none(1))
    mixed = autocast(Recipe(precision="fp32"), torch.device("cpu"))
    together, alone = (inference.logits(model.train(), part, size, mixed) for size in (5, 1))
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
