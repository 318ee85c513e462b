"""Curricula in training: each takes the same steps, resumes bit for bit and ends with a plain network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bench import registry
from bench.core import DataSpec, Recipe, Spec, Task, Trial, param
from bench.data.loader import Normaliser, Part, shuffled_batches
from bench.method import Batch, Method, Outputs, label_losses
from bench.training import checkpoint, curriculum_hooks, loop
from bench.training.training_setup import TrainingSetup, lr_factor
from bench.views import View, Volume

AUC, MAE, DICE = (
    Task("classification", "auc", ("a", "b")),
    Task("regression", "mae"),
    Task("segmentation", "dice", ("out", "in")),
)
NAMES = registry.names("curricula")
SMALL = {
    "progressive_resizing": {"smallest": 4, "increment": 2},
    "low_frequency_crop": {"smallest": 4},
    "patch_difficulty": {"patch": 2},
    "curriculum_dropout": {"own": True, "maps": 0.1, "inputs": 0.1},
}
SHAPE = (1, 8, 8, 8)


@dataclass(frozen=True, kw_only=True)
class Conv(Method):
    """The smallest network with all that a stage acts on: two convolutions, normalisation, dropout, a last layer."""

    family: ClassVar[str] = "3d"

    view: View = param(Volume(), "whole")
    lr: float = param(0.01, "learning rate")
    rate: float = param(0.2, "of dropout")

    def build(self, task, shape):
        maps = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 6, 1))
        maps.append(nn.Dropout3d(self.rate))
        if task.kind == "segmentation":
            return maps.append(nn.Conv3d(6, task.outputs, 1))
        return maps.extend([nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(6, task.outputs)])


def setup(folder, name="none", task=AUC, method=None, scans=16, steps=40, batch=4, **more):
    rng = np.random.default_rng(0)
    y = np.arange(scans + 8) % 2
    x = (rng.normal(size=(scans + 8, *SHAPE)) + 2.0 * y[:, None, None, None, None]).astype(np.float32)
    if task is DICE:
        x[..., :4] += 2
        y = (x[:, 0] > 2).astype(np.int64)
    elif task is MAE:
        y = 60 + 10.0 * y
    rows = np.arange(scans), np.arange(scans, scans + 8)
    parts = [Part(x, each, y[each], Normaliser.fit(x, rows[0]), torch.device("cpu")) for each in rows]
    trial = Trial(DataSpec("d"), Spec("m"), recipe=Recipe(steps=steps, batch_size=batch, points=4))
    curriculum = registry.make("curricula", name, SMALL.get(name))
    if curriculum.upstream(trial):
        logits = {AUC: (scans, 2), MAE: (scans, 1), DICE: (scans, 2, *SHAPE[1:])}[task]
        more["upstream"] = [Outputs(torch.randn(logits, generator=torch.Generator().manual_seed(1)), torch.ones(1))]
    folder.mkdir(exist_ok=True)
    return TrainingSetup(trial, method or Conv(), curriculum, task, *parts, torch.device("cpu"), folder, **more)


def able(name, task):
    curriculum = registry.make("curricula", name, SMALL.get(name))
    return curriculum.refuses(Conv(), task, SHAPE) is None


def same(one, two):
    for (name, left), right in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(left, right), name


@pytest.mark.parametrize("task", [AUC, MAE, DICE], ids=["classes", "numbers", "masks"])
@pytest.mark.parametrize("name", NAMES)
def test_twenty_steps_on_a_fixed_batch_lower_its_loss(tmp_path, name, task):
    if not able(name, task):
        pytest.skip("it refuses, see below")
    one = setup(tmp_path, name, task, scans=8, steps=20, batch=8)
    x, y = one.train.take(np.arange(8))
    batch = Batch(x, loop.Scale.fit(task, one.train.y).forward(y), torch.arange(8), task)
    torch.manual_seed(one.trial.seed_for("init"))
    before = one.method.build(task, SHAPE).eval()
    after = loop.fit(one, SHAPE).model.eval()
    with torch.no_grad():
        losses = [float(label_losses(model(x), batch).mean()) for model in (before, after)]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_all_take_the_same_number_of_steps_and_leave_the_plain_network(tmp_path, monkeypatch, name):
    task = DICE if name == "patch_difficulty" else AUC
    steps = []
    monkeypatch.setattr(torch.optim.AdamW, "step", counted(torch.optim.AdamW.step, steps))
    fit = loop.fit(setup(tmp_path, name, task), SHAPE)
    assert len(steps) == fit.points[-1].step == 40
    plain = Conv().build(task, SHAPE)
    assert list(fit.model.state_dict()) == list(plain.state_dict())
    assert [(type(a), a.extra_repr()) for a in fit.model.modules()] == [
        (type(b), b.extra_repr()) for b in plain.modules()
    ]
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in fit.model.modules())
    plain.load_state_dict(fit.model.state_dict())
    x = torch.randn(3, *SHAPE)
    with torch.no_grad():
        assert torch.equal(fit.model.eval()(x), plain.eval()(x))


def counted(step, steps):
    return lambda self, *args, **kwargs: (steps.append(1), step(self, *args, **kwargs))[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_training_goes_on_to_the_bit(tmp_path, monkeypatch, name):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    task = DICE if name == "patch_difficulty" else AUC
    whole = loop.fit(setup(tmp_path / "whole", name, task), SHAPE)
    killed = setup(tmp_path / "killed", name, task)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(replace(killed, progress=stop_early), SHAPE)
    torch.manual_seed(99)
    resumed = loop.fit(killed, SHAPE)
    assert resumed.resumed == 10
    same(resumed.model, whole.model)
    assert [replace(p, state=None) for p in resumed.points] == [replace(p, state=None) for p in whole.points]


def stop_early(fraction):
    if fraction >= 0.25:
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_each_curriculum_changes_the_training(tmp_path, name):
    task = DICE if name == "patch_difficulty" else AUC
    plain, other = (loop.fit(setup(tmp_path / each, each, task), SHAPE).model for each in ("none", name))
    assert not torch.equal(next(plain.parameters()), next(other.parameters()))


REFUSALS = {
    ("patch_difficulty", AUC): "patches of masks",
    ("patch_difficulty", MAE): "patches of masks",
    ("label_smoothing", MAE): "cannot be smoothed over classes",
    ("progressive_data_dropout", MAE): "not a class",
    ("progressive_data_dropout", DICE): "not a class",
}


def test_what_cannot_act_is_refused_with_its_reason_and_nothing_else():
    for name in NAMES:
        curriculum = registry.make("curricula", name, SMALL.get(name))
        for task in (AUC, MAE, DICE):
            expected, reason = REFUSALS.get((name, task)), curriculum.refuses(Conv(), task, SHAPE)
            assert (reason is None) if expected is None else expected in reason
        floor = registry.make("methods", "constant")
        assert curriculum.refuses(floor, AUC, SHAPE) if name != "none" else not curriculum.refuses(floor, AUC, SHAPE)


@pytest.mark.parametrize("name", ["progressive_resizing", "low_frequency_crop"])
def test_sizes_that_a_network_does_not_read_are_refused(plugins, name):
    vit = registry.make("methods", "timm2d", {"network": "vit_tiny_patch16_224"})
    reason = registry.make("curricula", name).refuses(vit, AUC, (3, 64, 64))
    assert "for 64 x 64 does not support" in reason
    assert registry.make("curricula", name, {"smallest": 64}).refuses(vit, AUC, (3, 64, 64)).startswith("scans of")
    linear = registry.make("methods", "tiny_net")
    assert "does not support" in registry.make("curricula", name).refuses(linear, AUC, (1, 32, 32, 32))
    assert registry.make("curricula", name).refuses(Conv(), AUC, (1, 24, 20, 24)) is None


def test_networks_without_what_a_curriculum_acts_on_are_refused(plugins):
    linear = registry.make("methods", "tiny_net")
    for name, params, word in (
        ("feature_smoothing", {}, "no convolutions"),
        ("lerac", {}, "one layer"),
        ("curriculum_dropout", {"maps": 0.1}, "no convolutions"),
        ("curriculum_dropout", {"own": True}, "no dropout layers"),
    ):
        assert word in registry.make("curricula", name, params).refuses(linear, AUC, SHAPE)


def test_every_number_is_drawn_from_the_cell_and_not_from_the_method(tmp_path):
    drawn = []
    for name, method in (("none", Conv()), ("self_paced", Conv(rate=0.5)), ("superloss", Conv(lr=0.1))):
        one = setup(tmp_path, name, method=method)
        course = loop._begin(one, method.build(AUC, SHAPE), loop.Scale(), loop.StageTimer(one.device))
        drawn.append([course.order.take(None).tolist() for _ in range(9)])
        assert course.signals.seed == one.trial.seed_for("curriculum")
    order = shuffled_batches(16, 4, np.random.default_rng(one.trial.seed_for("order")))
    assert drawn[0] == drawn[1] == drawn[2] == [next(order).tolist() for _ in range(9)]


def test_the_teachers_losses_are_those_of_its_answers(tmp_path):
    for task in (AUC, MAE, DICE):
        one = setup(tmp_path, "transfer_teacher", task, scans=10)
        scale = loop.Scale.fit(task, one.train.y)
        y = scale.forward(torch.as_tensor(one.train.y, dtype=torch.float32 if task is MAE else torch.int64))
        expected = label_losses(one.upstream[0].logits, Batch(y, y, y, task))
        np.testing.assert_allclose(loop._difficulty(one, scale), expected.numpy(), rtol=1e-6)


def test_layers_have_the_rates_of_their_depth(tmp_path):
    one = setup(tmp_path, "lerac")
    course = loop._begin(one, one.method.build(AUC, SHAPE), loop.Scale(), loop.StageTimer(one.device))
    assert [[weight.ndim for weight in group["params"]] for group in course.optimiser.param_groups] == [
        [5, 1, 1, 1],
        [5, 1],
        [2, 1],
    ]
    for step, expected in ((0, [1, 0.1, 0.01]), (2, [1, 10**-0.5, 10**-1]), (4, [1, 1, 1])):
        loop._batch(one, course, loop.Scale(), step)
        factor = lr_factor(one.method, step / 40)
        rates = [group["lr"] / (0.01 * factor) for group in course.optimiser.param_groups]
        assert rates == pytest.approx(expected)


def test_the_weights_of_voxels_are_those_of_a_loss_written_by_hand(tmp_path):
    one = setup(tmp_path, "patch_difficulty", DICE)
    model = one.method.build(DICE, SHAPE).eval()
    course = loop._begin(one, model, loop.Scale(), loop.StageTimer(one.device))
    batch = loop._batch(one, course, loop.Scale(), 3)
    with curriculum_hooks.stage_hooks(model, batch.stage) as answers:
        losses = one.method.step(model, batch) + curriculum_hooks.voxel_term(answers, batch)
    logits = model(batch.x)
    weights = batch.stage.voxels(batch.y)
    entropy = (weights * F.cross_entropy(logits, batch.y, reduction="none")).flatten(1).mean(1)
    dice = label_losses(logits, batch) - F.cross_entropy(logits, batch.y, reduction="none").flatten(1).mean(1)
    torch.testing.assert_close(losses, entropy + dice)
    with pytest.raises(ValueError, match="the network gave nothing"):
        curriculum_hooks.voxel_term([], batch)
