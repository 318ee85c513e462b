"""Options of a training: smoothing, clipping, decay, layer-wise rates, averaged weights, own steps, patience."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bench.core import BenchError, DataSpec, Recipe, Spec, Task, Trial
from bench.curriculum import Curriculum, Stage
from bench.data.loader import Normaliser, Part
from bench.method import Batch, Method
from bench.registry import make
from bench.training import loop, optim
from bench.training.training_setup import TrainingSetup, lr_factor

CPU = torch.device("cpu")
TASK = Task("classification", "auc", ("a", "b"))


@dataclass(frozen=True, kw_only=True)
class Small(Method):
    family = "2d"

    def build(self, task, shape):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, task.outputs)
        )

    def step(self, model, batch):
        losses = super().step(model, batch)
        batch.terms["twice"] = 2 * losses
        return losses


class Plain(Curriculum):
    def at(self, progress, signals):
        return Stage()


def setup(folder, scans=24, recipe=None, **params):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2 * scans, 1, 6, 6)).astype(np.float32), np.arange(2 * scans) % 2
    x[y == 1] += 0.3
    parts = [Part(x, rows, y[rows], Normaliser.none(1)) for rows in np.split(np.arange(2 * scans), 2)]
    recipe = recipe or Recipe(steps=40, batch_size=8, points=10)
    trial = Trial(DataSpec("any"), Spec("small"), recipe=recipe)
    folder.mkdir(exist_ok=True)
    return TrainingSetup(trial, Small(**params), Plain(), TASK, *parts, CPU, folder)


def trained(folder, **params):
    one = setup(folder, **params)
    return one, loop.fit(one, (1, 6, 6))


def test_a_method_takes_its_own_steps_where_they_are_fewer(tmp_path):
    assert trained(tmp_path / "a", steps=20)[1].points[-1].step == 20
    assert len(trained(tmp_path / "a", steps=20)[1].points) == 10
    assert trained(tmp_path / "b", steps=99)[1].points[-1].step == 40
    rates = [lr_factor(Small(), step / 20) for step in range(20)]
    assert rates[-1] < 0.01  # the schedule ends with the method's steps


def test_the_train_score_is_that_of_training_scans_as_they_are_tested(tmp_path):
    one, fit = trained(tmp_path / "a", lr=0.02)
    model = fit.load(len(fit.points) - 1).eval()
    with torch.no_grad():
        x, y = one.train.take(np.arange(len(one.train)))
        score = model(x).softmax(1)[:, 1].numpy()
    pairs = np.sign(score[y == 1][:, None] - score[y == 0][None, :])
    assert fit.points[-1].train == pytest.approx((1 + pairs.mean()) / 2, abs=1e-6)


def test_terms_of_the_loss_are_logged_as_means_since_the_point_before(tmp_path):
    for point in trained(tmp_path / "a")[1].points:
        assert point.watched["twice"] == pytest.approx(2 * point.train_loss, rel=1e-5)


def test_label_smoothing_is_that_of_cross_entropy(tmp_path):
    one = setup(tmp_path / "a", label_smoothing=0.2, recipe=Recipe(steps=1, batch_size=24, points=1))
    torch.manual_seed(one.trial.seed_for("init"))
    model = one.method.build(TASK, (1, 6, 6)).train()
    fit = loop.fit(one, (1, 6, 6))
    x, y = one.train.take(np.arange(24))
    expected = nn.functional.cross_entropy(model(x), y, label_smoothing=0.2)
    assert fit.points[0].train_loss == pytest.approx(expected.item(), rel=1e-4)


def test_the_polynomial_schedule_is_that_of_torch():
    weight = nn.Parameter(torch.zeros(1))
    descent = torch.optim.SGD([weight], lr=1.0)
    schedule = torch.optim.lr_scheduler.PolynomialLR(descent, total_iters=50, power=0.9)
    for step in range(50):
        assert lr_factor(Small(schedule="poly"), step / 50) == pytest.approx(schedule.get_last_lr()[0], abs=1e-9)
        descent.step()
        schedule.step()


def test_momentum_is_that_of_the_optimiser():
    model = nn.Linear(2, 2)
    group = optim.optimiser(Small(optimiser="sgd", momentum=0.99), model, False).param_groups[0]
    assert (group["momentum"], group["nesterov"]) == (0.99, True)
    assert not optim.optimiser(Small(optimiser="sgd", momentum=0.0), model, False).param_groups[0]["nesterov"]


def test_clipping_limits_the_norm_of_all_gradients_together():
    weights = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2, 2))]
    for weight in weights:
        weight.grad = torch.full_like(weight, 3.0)
    groups = [{"params": weights[:1]}, {"params": weights[1:]}]
    optim.clip_gradients(groups, 0.0)
    assert weights[0].grad.tolist() == [3.0] * 3
    optim.clip_gradients(groups, 0.5)
    assert math.hypot(*(float(weight.grad.norm()) for weight in weights)) == pytest.approx(0.5, rel=1e-4)


def test_only_matrices_decay_if_that_is_chosen():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    groups = optim.parameter_groups(Small(decays="matrices", weight_decay=0.3), model, False)
    descent = optim.optimiser(Small(decays="matrices", weight_decay=0.3), model, False)
    assert [group["weight_decay"] for group in descent.param_groups] == [0.3, 0.0]
    assert {weight.ndim for weight in groups[0]["params"]} == {2, 4}
    assert {weight.ndim for weight in groups[1]["params"]} == {1}
    assert len(optim.parameter_groups(Small(), model, False)) == 1


def test_rates_fall_by_the_layer_decay_from_the_last_layer_to_the_first():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    groups = optim.parameter_groups(Small(layer_decay=0.5, decays="matrices"), model, False)
    optim.set_rates(groups, optim.rates(groups, 0.1, None))
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    for layer, expected in zip(model, (0.025, 0.05, 0.1), strict=True):
        assert [rates[id(weight)] for weight in layer.parameters()] == pytest.approx([expected] * 2)
    factors = (1.0, 0.0, 2.0)  # a curriculum's factors are of layers, not of groups
    optim.set_rates(groups, optim.rates(groups, 0.1, factors))
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    assert [rates[id(layer.bias)] for layer in model] == pytest.approx([0.025, 0.0, 0.2])


def test_the_average_of_the_weights_is_what_is_evaluated_and_saved(tmp_path):
    seen = []

    class Watched(Small):
        def step(self, model, batch: Batch):
            seen.append({name: value.clone() for name, value in copy.deepcopy(model).state_dict().items()})
            return super().step(model, batch)

    one = setup(tmp_path / "a", ema=0.9, lr=0.02)
    object.__setattr__(one, "method", Watched(ema=0.9, lr=0.02))
    fit = loop.fit(one, (1, 6, 6))
    average = None
    for count, state in enumerate(seen[1:]):  # the state before step 1 is that after step 0, and so on
        rate = 0.0 if average is None else min(0.9, (1 + count) / (10 + count))
        average = {
            name: value if average is None else rate * average[name] + (1 - rate) * value
            for name, value in state.items()
            if value.is_floating_point()
        }
        if count + 1 == fit.points[4].step:
            break
    saved = load_file(fit.points[4].state)
    for name, value in average.items():
        torch.testing.assert_close(saved[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("params", [{"ema": 0.9}, {"decays": "matrices", "layer_decay": 0.7, "clip": 0.5}])
def test_a_killed_training_with_options_resumes_to_the_bit(tmp_path, params, monkeypatch):
    monkeypatch.setattr("bench.training.checkpoint.EVERY", 0.0)
    whole = trained(tmp_path / "whole", **params)[1]

    class KilledError(Exception):
        pass

    def kill(point):
        if point.step == 20:
            raise KilledError

    one = setup(tmp_path / "killed", **params)
    with pytest.raises(KilledError):
        loop.fit(replace(one, on_evaluation=kill), (1, 6, 6))
    again = loop.fit(one, (1, 6, 6))
    assert again.resumed == 16
    for left, right in zip(whole.points, again.points, strict=True):
        assert left.val_loss == right.val_loss
        assert left.state.read_bytes() == right.state.read_bytes()


@pytest.mark.parametrize(("patience", "points"), [(0, 10), (2, 4), (4, 5)])
def test_training_ends_when_the_choice_is_too_old(tmp_path, monkeypatch, patience, points):
    """The means over three are 0.7, 0.67, 0.67, 0.5, 0.4, ...: of all points so far the first one is the best."""
    scores = iter([0.5, 0.9, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
    one = setup(tmp_path / "a", patience=patience)
    monkeypatch.setattr(
        "bench.training.evaluation_point._score", lambda s, raw, y, scale: next(scores) if y is s.val.y else 0.5
    )
    fit = loop.fit(one, (1, 6, 6))
    assert len(fit.points) == points
    assert fit.selected == 0


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"ema": 1.5}, "ema must be from 0 to 1, not 1.5"),
        ({"clip": -1.0}, "clip must be 0 or more"),
        ({"label_smoothing": 2.0}, "label_smoothing must be from 0 to 1"),
        ({"patience": -1}, "patience must be 0 or more"),
        ({"decays": "norms"}, "decays has no 'norms'; there are: all, matrices"),
    ],
)
def test_an_impossible_option_is_refused_by_name(params, says):
    with pytest.raises(BenchError, match=says):
        make("methods", "timm2d", params)
