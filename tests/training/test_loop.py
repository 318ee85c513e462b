"""Promises of bench.training.loop: evaluation points, schedules, repeatability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench import registry
from bench.core import DataSpec, Recipe, RunAbortedError, Spec, Task, Trial
from bench.curriculum import Stage
from bench.data.loader import Normaliser, Part
from bench.method import Batch, label_losses, outputs
from bench.training import curriculum_hooks, loop
from bench.training.training_setup import DivergenceError, TrainingSetup, evaluation_steps, lr_factor

AUC, MAE = Task("classification", "auc", ("a", "b")), Task("regression", "mae")


@pytest.mark.parametrize(
    ("steps", "count", "expected"), [(100, 4, [25, 50, 75, 100]), (3, 20, [1, 2, 3]), (7, 2, [4, 7])]
)
def test_evaluation_points_are_equally_spaced_and_end_at_the_last_step(steps, count, expected):
    assert evaluation_steps(Recipe(steps=steps, points=count)) == expected


def test_the_learning_rate_is_a_pure_function_of_progress(plugins):
    method = registry.make("methods", "tiny_net", {"warmup": 0.2})
    assert lr_factor(method, 0.0) == 0.0
    assert lr_factor(method, 0.1) == pytest.approx(0.5)
    assert lr_factor(method, 0.2) == pytest.approx(1.0)
    assert lr_factor(method, 0.6) == pytest.approx(0.5)
    assert lr_factor(replace(method, schedule="constant"), 0.9) == 1.0


def setup(tmp_path, method, task=AUC, **more):
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    x = (rng.normal(size=(24, 1, 4, 4, 4)) + 2.0 * y[:, None, None, None, None]).astype(np.float32)
    y = y if task is AUC else 60 + 10.0 * y
    rows = np.arange(16), np.arange(16, 24)
    normaliser = Normaliser.fit(x, rows[0])
    parts = [Part(x, each, y[each], normaliser, torch.device("cpu")) for each in rows]
    trial = Trial(DataSpec("d"), Spec("m"), recipe=Recipe(steps=60, batch_size=4, points=6))
    curriculum = more.pop("curriculum", registry.make("curricula", "none"))
    tmp_path.mkdir(exist_ok=True)
    return TrainingSetup(trial, method, curriculum, task, *parts, torch.device("cpu"), tmp_path, **more)


@pytest.mark.parametrize("task", [AUC, MAE], ids=["classes", "numbers"])
def test_training_learns_what_is_plain_to_see(plugins, tmp_path, task):
    method = registry.make("methods", "tiny_net", {"lr": 0.05})
    fit = loop.fit(setup(tmp_path, method, task), (1, 4, 4, 4))
    best = fit.points[fit.selected]
    assert best.val == 1.0 if task is AUC else best.val < 3.0
    assert [point.step for point in fit.points] == [10, 20, 30, 40, 50, 60]


def test_equal_seeds_give_equal_weights(plugins, tmp_path):
    method = registry.make("methods", "tiny_net", {"dropout": 0.5})
    fits = [loop.fit(setup(tmp_path / name, method), (1, 4, 4, 4)) for name in "ab"]
    for one, two in zip(fits[0].model.parameters(), fits[1].model.parameters(), strict=True):
        assert torch.equal(one, two)


def test_another_seed_gives_other_weights(plugins, tmp_path):
    method = registry.make("methods", "tiny_net")
    one = setup(tmp_path, method)
    two = replace(one, trial=replace(one.trial, seed=1))
    first, second = (next(iter(loop.fit(each, (1, 4, 4, 4)).model.parameters())) for each in (one, two))
    assert not torch.equal(first, second)


def test_a_state_is_loaded_as_it_was(plugins, tmp_path):
    fit = loop.fit(setup(tmp_path, registry.make("methods", "tiny_net")), (1, 4, 4, 4))
    last = [weight.clone() for weight in fit.model.parameters()]
    fit.load(0)
    assert not torch.equal(next(fit.model.parameters()), last[0])
    fit.load(5)
    assert torch.equal(next(fit.model.parameters()), last[0])


def test_a_state_that_was_removed_stops_the_run_and_not_only_the_trial(plugins, tmp_path):
    fit = loop.fit(setup(tmp_path, registry.make("methods", "tiny_net")), (1, 4, 4, 4))
    fit.points[0].state.unlink()
    with pytest.raises(RunAbortedError):
        fit.load(0)


def test_a_curriculum_is_carried_out(plugins, tmp_path):
    method = registry.make("methods", "tiny_net", {"lr": 0.05})
    fading = registry.make("curricula", "tiny_fading")
    plain = loop.fit(setup(tmp_path / "a", method), (1, 4, 4, 4))
    paced = loop.fit(setup(tmp_path / "b", method, curriculum=fading), (1, 4, 4, 4))
    assert paced.points[-1].val == 1.0
    assert not torch.equal(next(plain.model.parameters()), next(paced.model.parameters()))


def test_the_blur_of_a_stage_is_a_gaussian():
    from scipy.ndimage import gaussian_filter

    x = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    ours = curriculum_hooks.blurred(torch.tensor(x)[None, None], 1.0)[0, 0].numpy()
    np.testing.assert_allclose(ours, gaussian_filter(x, 1.0, mode="nearest", truncate=3.0), atol=1e-5)


def test_a_loss_that_is_no_number_ends_the_training(plugins, tmp_path):
    method = registry.make("methods", "tiny_net", {"fault": "nan"})
    with pytest.raises(DivergenceError, match="step 10 of 60"):
        loop.fit(setup(tmp_path, method), (1, 4, 4, 4))


def test_label_losses_are_those_of_torch():
    torch.manual_seed(0)
    logits, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    batch = Batch(logits, y, y, Task("classification", "auc", ("a", "b", "c")), Stage(label_smoothing=0.1))
    expected = F.cross_entropy(logits, y, reduction="none", label_smoothing=0.1)
    torch.testing.assert_close(label_losses(logits, batch), expected)
    numbers = Batch(logits, torch.ones(5), y, MAE)
    torch.testing.assert_close(label_losses(logits[:, :1], numbers), (logits[:, 0] - 1).abs())


def test_the_segmentation_loss_of_a_perfect_mask_is_almost_nothing():
    masks = torch.zeros(2, 4, 4, 4, dtype=torch.long)
    masks[:, 1:3] = 1
    logits = F.one_hot(masks, 2).movedim(-1, 1).float() * 40 - 20
    batch = Batch(logits, masks, torch.arange(2), Task("segmentation", "dice", ("out", "in")))
    assert label_losses(logits, batch).max() < 1e-4
    assert label_losses(-logits, batch).min() > 1


def test_features_are_what_the_last_linear_layer_reads():
    network = torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.ReLU(), torch.nn.Linear(7, 2))
    x = torch.randn(3, 4)
    result = outputs(network, x)
    torch.testing.assert_close(result.features, network[:2](x))
    torch.testing.assert_close(result.logits, network(x))


MASKS = Task("segmentation", "dice", ("background", "a"))


@pytest.mark.parametrize(("task", "shape", "y", "needed"), [
    (AUC, (2, 1), torch.zeros(2, dtype=torch.long), "(2, 2)"),
    (AUC, (2, 5), torch.zeros(2, dtype=torch.long), "(2, 2)"),
    (MAE, (3, 3), torch.zeros(3), "(3, 1)"),
    (MAE, (3,), torch.zeros(3), "(3, 1)"),
    (MASKS, (2, 2, 4, 4), torch.zeros(2, 8, 8, dtype=torch.long), "(2, 2, 8, 8)"),
])  # fmt: skip
def test_an_output_of_another_shape_is_an_error_that_names_both_shapes(task, shape, y, needed):
    with pytest.raises(ValueError, match="correct `build`") as caught:
        label_losses(torch.zeros(shape), Batch(torch.zeros(len(y), 1), y, torch.arange(len(y)), task))
    assert str(shape) in str(caught.value)
    assert needed in str(caught.value)
