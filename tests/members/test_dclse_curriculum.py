"""The dynamic curriculum: Cur sets, complexities, weights; and what of it is logged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench import registry
from bench.core import Task
from bench.method import Batch, label_losses
from bench.registry import make
from dclse.curriculum import Progress, agreement, cur_sets

AD = Task("classification", "auc", ("healthy", "patient"))
AGE = Task("regression", "mae", unit="years")
MASKS = Task("segmentation", "dice", ("rest", "artery"))
STAGES = ("S1", "S4", "S6", "C1")


def batch(y: torch.Tensor, task: Task) -> Batch:
    return Batch(torch.zeros(len(y)), y, torch.arange(len(y)), task)


@given(arrays(bool, (4, 3, 7)), arrays(bool, (3, 7)))
def test_hard_sets_follow_the_figure(outs, truth):
    found = cur_sets(torch.from_numpy(outs).float(), torch.from_numpy(truth).float()).numpy()
    before = np.zeros_like(truth)
    for out, one in zip(outs, found, strict=True):
        before = before | (out & truth)
        np.testing.assert_array_equal(one, before.astype(float))


@given(arrays(np.float64, (4, 11), elements=st.floats(0, 1)), arrays(bool, (11,)))
def test_soft_sets_grow_and_stay_inside_the_truth(outs, truth):
    found = cur_sets(torch.from_numpy(outs), torch.from_numpy(truth).double()).numpy()
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found >= 0).all()
    assert (found <= truth + 1e-12).all()
    np.testing.assert_allclose(found, truth * (1 - np.cumprod(1 - outs, axis=0)), atol=1e-12)


def test_an_output_agrees_by_the_probability_of_the_true_class():
    logits, y = torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 0])
    chances = 1 / (1 + np.exp([-2.0, 0.5]))
    np.testing.assert_allclose(agreement(logits, batch(y, AD), 1.0, hard=False), chances, rtol=1e-6)
    np.testing.assert_array_equal(agreement(logits, batch(y, AD), 1.0, hard=True), [1, 0])


def test_an_age_agrees_by_half_at_the_tolerance():
    logits, y = torch.tensor([[0.0], [0.5], [1.0]]), torch.zeros(3)
    np.testing.assert_allclose(agreement(logits, batch(y, AGE), 0.5, hard=False), [1, 0.5, 0.25], rtol=1e-6)
    np.testing.assert_array_equal(agreement(logits, batch(y, AGE), 0.5, hard=True), [1, 1, 0])


def test_complexity_is_the_share_of_the_truth_not_yet_learnt():
    progress, y = Progress(STAGES), torch.tensor([0, 1, 1, 0])
    right = torch.tensor([[9.0, -9.0], [-9.0, 9.0], [-9.0, 9.0], [9.0, -9.0]])
    expected = [right * sign for sign in (-1.0, -1.0, 1.0, 1.0)]
    expected[1] = torch.cat([right[:1], -right[1:]])  # the second stage knows one of four
    assert progress.complexity.tolist() == [1, 1, 1, 1]
    progress.update(expected, batch(y, AD), 1.0, hard=True)
    np.testing.assert_allclose(progress.complexity, [1, 0.75, 0, 0], atol=1e-6)
    values = progress.metrics()
    assert values["cur S4"] == pytest.approx(0.25)
    assert values["complexity S6"] == pytest.approx(0)


def test_an_empty_mask_is_left_out_and_counted():
    progress, y = Progress(("S1",)), torch.zeros(2, 2, 2, dtype=torch.long)
    y[0, 0, 0] = 1
    sure = torch.stack([torch.zeros(2, 2, 2), torch.full((2, 2, 2), 30.0)], 1)
    progress.update([sure], batch(y, MASKS), 1.0, hard=False)
    assert progress.metrics()["empty masks"] == 1
    assert progress.complexity.tolist() == pytest.approx([0])
    progress.update([-sure], batch(torch.zeros_like(y), MASKS), 1.0, hard=False)  # nothing at all to learn
    assert progress.complexity.tolist() == pytest.approx([0])
    assert progress.metrics()["empty masks"] == 3


def test_sizes_are_running_means_over_training_batches():
    progress, y = Progress(("S1",)), torch.zeros(4, dtype=torch.long)
    right = torch.tensor([[9.0, -9.0]] * 4)
    progress.update([-right], batch(y, AD), 1.0, hard=True)
    progress.update([right], batch(y, AD), 1.0, hard=True)
    assert progress.complexity.tolist() == pytest.approx([0.9])


def test_the_ramp_leads_from_the_first_stage_to_all():
    progress = Progress(STAGES)
    assert progress.weigh("ramp", 0.0, 0.3, 1.0).tolist() == [1, 0, 0, 0]
    half = progress.weigh("ramp", 0.15, 0.3, 1.0)
    np.testing.assert_allclose(half, np.array([8, 4, 2, 1]) / 15, rtol=1e-6)
    assert progress.weigh("ramp", 0.3, 0.3, 1.0).tolist() == [0.25] * 4
    assert progress.weigh("none", 0.0, 0.3, 1.0).tolist() == [0.25] * 4


def test_what_is_found_simple_leads_or_what_is_complex():
    progress = Progress(("S1", "S4"))
    progress.sizes.copy_(torch.tensor([1.0, 3.0]))
    progress.truth.fill_(4.0)
    expected = np.exp([-0.75 / 0.5, -0.25 / 0.5])
    np.testing.assert_allclose(progress.weigh("cur", 0.5, 0.3, 0.5), expected / expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(progress.weigh("cur", 0.5, 0.3, -0.5), expected[::-1] / expected.sum(), rtol=1e-6)


@pytest.mark.parametrize(("task", "y"), [(AD, torch.tensor([0, 1, 0, 1])), (AGE, torch.randn(4))])
def test_the_loss_is_that_of_the_answer_and_the_weighted_stages(task, y):
    method = make("methods", "dclse", {"auxiliary": True, "dcl": "ramp", "auxiliary_weight": 0.4})
    torch.manual_seed(0)
    model, x = method.build(task, (1, 33, 33)).train(), torch.randn(4, 1, 33, 33)
    one = Batch(x, y, torch.arange(4), task, progress=0.15)
    answer, result = model.staged(x)
    weights = np.array([8, 4, 2, 1]) / 15
    stages = sum(w * label_losses(each, one).detach().numpy() for w, each in zip(weights, result, strict=True))
    expected = label_losses(answer, one).detach().numpy() + 0.4 * stages
    np.testing.assert_allclose(method.step(model, one).detach(), expected, rtol=1e-4)


@pytest.mark.parametrize("task", [AD, AGE, MASKS], ids=["classes", "numbers", "masks"])
def test_the_answer_alone_is_what_the_study_of_outputs_trains(task):
    """Also of masks, whose network always has outputs: the loss is that of the answer and nothing else."""
    level = registry.study("ablation_dcl").factors["outputs"].levels["answer alone"]
    method, x = make("methods", "dclse", level), torch.rand(3, 1, 33, 36)
    y = {"classification": torch.tensor([0, 1, 0]), "regression": torch.randn(3)}
    one = batch(y.get(task.kind, torch.randint(2, (3, 33, 36))), task)
    model = method.build(task, (1, 33, 36)).train()
    found = method.step(model, replace(one, x=x)).detach()
    torch.testing.assert_close(found, label_losses(model(x), one).detach())


def test_only_training_steps_move_the_sizes_of_the_sets():
    method, x = make("methods", "dclse", {"auxiliary": True, "dcl": "cur"}), torch.rand(4, 1, 33, 36)
    model, one = method.build(AD, (1, 33, 36)), batch(torch.tensor([0, 1, 0, 1]), AD)
    method.step(model.train(), replace(one, x=x))
    before = {name: remaining.clone() for name, remaining in model.progress.named_buffers()}
    assert before["truth"] == 4
    with torch.no_grad():
        model.eval()(x)
        method.logged_metrics(model)
    assert all(torch.equal(before[name], remaining) for name, remaining in model.progress.named_buffers())


def test_the_network_without_its_stages_has_the_same_output():
    """At inference the outputs of the stages are not computed, and measuring changes no output."""
    method = make("methods", "dclse", {"auxiliary": True, "dcl": "cur", "fusion": "attention"})
    model, x = method.build(AD, (1, 40, 40)), torch.randn(3, 1, 40, 40)
    method.step(model.train(), Batch(x, torch.tensor([0, 1, 0]), torch.arange(3), AD))
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(x), model.staged(x)[0])
    watched = method.logged_metrics(model)
    assert {f"{word} {stage}" for word in ("cur", "complexity", "weight") for stage in STAGES} <= set(watched)
    assert sum(watched[f"weight {stage}"] for stage in STAGES) == pytest.approx(1)
