"""MetAug: its losses pair by pair, generators taught through the step that they cause, and terms that are inert."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from baselines._metaug import likeness, margin_loss, unified_loss
from bench import registry
from bench.core import PRETEXT
from bench.method import Batch

SHAPE = (1, 8, 8, 8)
NET = {"network": "sfcn", "network_params": {"channels": [3, 4, 4], "dropout": 0.0}, "features": 6}


def built(**params):
    torch.manual_seed(0)
    method = registry.make("methods", "self_supervised", {"loss": "metaug", **NET, **params})
    return method, method.build(PRETEXT, SHAPE).double().train()


def views(count=5):
    return torch.randn(2 * count, *SHAPE, generator=torch.Generator().manual_seed(1)).double()


def test_the_unified_loss_is_its_equation_scan_by_scan():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4, 3))
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    terms = []
    for i in range(4):
        alike = [(1 + unit[0][i] @ unit[1][j]) / 2 for j in range(4)]
        turned = [(1 + unit[0][j] @ unit[1][i]) / 2 for j in range(4)]
        negatives = sum(math.exp(16 * s) for j in range(4) if j != i for s in (alike[j], turned[j]))
        terms.append(math.log(1 + negatives * math.exp(-16 * alike[i])))
    found = unified_loss(*likeness(torch.tensor(first), torch.tensor(second)))
    assert float(found) == pytest.approx(np.mean(terms), rel=1e-5)


def test_margins_cost_features_that_are_easier_than_the_hardest_of_the_scans():
    plain = torch.tensor([0.6, 0.9]), torch.tensor([[0.2], [0.7]])  # m+ = 0.6, m- = 0.7
    harder = torch.tensor([0.5, 0.6]), torch.tensor([[0.8], [0.7]])
    easier = torch.tensor([0.8, 0.6]), torch.tensor([[0.3], [0.7]])
    assert float(margin_loss(plain, harder)) == 0
    assert float(margin_loss(plain, easier)) == pytest.approx(0.2 / 2 + 0.4 / 2)


def test_the_published_weights_are_inert_and_larger_ones_are_not():
    def of_the_network(**params):
        _, model = built(**params)
        _, _, gradients = model.gradients(views())
        return torch.cat([each.flatten() for name, each in gradients.items() if not name.startswith("generators")])

    without = of_the_network(augmented_weight=0.0, margin_weight=0.0)
    published = of_the_network()
    large = of_the_network(augmented_weight=1.0, margin_weight=1.0)
    assert (published - without).norm() < 1e-3 * without.norm()
    assert (large - without).norm() > 0.1 * without.norm()


def test_generators_learn_from_the_loss_after_the_step_that_they_cause():
    """Their gradient against finite differences of that loss, by hand: a step of the network, then its loss."""
    _, model = built(augmented_weight=1.0, margin_weight=0.0, meta_lr=0.01)
    pair = views()
    _, _, gradients = model.gradients(pair)
    name = "generators.0.2.weight"
    weight = dict(model.named_parameters())[name]

    def after_a_step() -> float:
        start = {n: p.detach().clone() for n, p in model.named_parameters()}
        loss, _ = model.losses(model(pair, encode=True))
        own = [(n, p) for n, p in model.named_parameters() if not n.startswith("generators.")]
        found = torch.autograd.grad(loss, [p for _, p in own], allow_unused=True)
        with torch.no_grad():
            for (_, each), step in zip(own, found, strict=True):
                each -= 0 if step is None else 0.01 * step
            later = float(model.losses(model(pair, encode=True))[0])
            for n, each in model.named_parameters():
                each.copy_(start[n])
        return later

    place = tuple(np.unravel_index(int(gradients[name].abs().argmax()), weight.shape))
    tiny, values = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            weight[place] += sign * tiny
        values.append(after_a_step())
        with torch.no_grad():
            weight[place] -= sign * tiny
    assert float(gradients[name][place]) == pytest.approx((values[0] - values[1]) / (2 * tiny), rel=1e-3)


def test_a_step_hands_on_both_gradients():
    method, model = built()
    x = views()[:5]
    torch.manual_seed(2)
    method.step(model, Batch(x, torch.zeros(5), torch.arange(5), PRETEXT)).mean().backward()
    found = {name: weight.grad for name, weight in model.named_parameters()}
    torch.manual_seed(2)
    _, _, gradients = model.gradients(torch.cat([model.view(x), model.view(x)]))
    assert {name for name, each in found.items() if each is None} == {
        "pretrained.classifier.weight",
        "pretrained.classifier.bias",
    }
    for name, each in gradients.items():
        torch.testing.assert_close(found[name], each)
    assert model.eval()(x).shape == (5, 1)
