"""The dynamic curriculum: Cur sets, complexities, weights; and what of it is logged."""

from __future__ import annotations

import itertools
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
from dclse.cur_sets import agreement, chance_sizes, cur_sets
from dclse.curriculum import Progress

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
    assert progress.complexity("union").tolist() == [1, 1, 1, 1]
    progress.update(expected, batch(y, AD), 1.0, hard=True)
    np.testing.assert_allclose(progress.complexity("union"), [1, 0.75, 0, 0], atol=1e-6)
    assert progress.metrics()["cur S4"] == pytest.approx(0.25)


def test_an_empty_mask_is_left_out_and_counted():
    progress, y = Progress(("S1",)), torch.zeros(2, 2, 2, dtype=torch.long)
    y[0, 0, 0] = 1
    sure = torch.stack([torch.zeros(2, 2, 2), torch.full((2, 2, 2), 30.0)], 1)
    progress.update([sure], batch(y, MASKS), 1.0, hard=False)
    assert progress.metrics()["empty masks"] == 1
    assert progress.complexity("union").tolist() == pytest.approx([0])
    progress.update([-sure], batch(torch.zeros_like(y), MASKS), 1.0, hard=False)  # nothing at all to learn
    assert progress.complexity("union").tolist() == pytest.approx([0])
    assert progress.metrics()["empty masks"] == 3


def test_sizes_are_running_means_over_training_batches():
    progress, y = Progress(("S1",)), torch.zeros(4, dtype=torch.long)
    right = torch.tensor([[9.0, -9.0]] * 4)
    progress.update([-right], batch(y, AD), 1.0, hard=True)
    progress.update([right], batch(y, AD), 1.0, hard=True)
    assert progress.complexity("union").tolist() == pytest.approx([0.9])


def test_the_ramp_leads_from_the_first_stage_to_all():
    progress = Progress(STAGES)
    assert progress.weigh("ramp", 0.0, 0.3, 1.0).tolist() == [1, 0, 0, 0]
    half = progress.weigh("ramp", 0.15, 0.3, 1.0)
    np.testing.assert_allclose(half, np.array([8, 4, 2, 1]) / 15, rtol=1e-6)
    assert progress.weigh("ramp", 0.3, 0.3, 1.0).tolist() == [0.25] * 4
    assert progress.weigh("none", 0.0, 0.3, 1.0).tolist() == [0.25] * 4


def test_simple_stages_lead_or_complex_ones():
    progress = Progress(("S1", "S4"))
    progress.sizes.copy_(torch.tensor([1.0, 3.0]))
    progress.truth.fill_(4.0)
    expected = np.exp([-0.75 / 0.5, -0.25 / 0.5])
    weights = progress.weigh("cur", 0.5, temperature=0.5, reading="union")
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-6)
    weights = progress.weigh("cur", 0.5, temperature=-0.5, reading="union")
    np.testing.assert_allclose(weights, expected[::-1] / expected.sum(), rtol=1e-6)


def random_outputs(task: Task, rng: np.random.Generator) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Targets of three scans, and outputs of three stages that know nothing of them."""
    shape = {"classification": (3, 2), "regression": (3, 1), "segmentation": (3, 2, 2, 2)}[task.kind]
    logits = [torch.from_numpy(rng.normal(0, 3, shape)).float() for _ in range(3)]
    y = {
        "classification": torch.tensor([0, 1, 1]),
        "regression": torch.from_numpy(rng.normal(size=3)).float(),
        "segmentation": torch.from_numpy(rng.integers(0, 2, (3, 2, 2))),
    }[task.kind]
    return y, logits


def exchanges(y: torch.Tensor) -> list[torch.Tensor]:
    """Every order of the targets of the batch; of masks, of the four pixels of the first scan (the rest stays)."""
    if y.ndim == 1:
        return [y[list(order)] for order in itertools.permutations(range(len(y)))]
    return [y.flatten(1)[:, list(order)].reshape(y.shape) for order in itertools.permutations(range(4))]


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("task", [AD, AGE, MASKS], ids=["classes", "numbers", "masks"])
def test_chance_is_the_mean_size_over_all_exchanges_of_the_targets(task, hard):
    y, logits = random_outputs(task, np.random.default_rng(0))
    sizes = []
    for other in exchanges(y):
        progress = Progress(("S1", "S4", "S6"))
        progress.update(logits, batch(other, task), 0.5, hard)
        sizes.append(progress.sizes.numpy())
    np.testing.assert_allclose(chance_sizes(logits, batch(y, task), 0.5, hard), np.mean(sizes, 0), rtol=1e-5)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 20.0])
def test_stages_that_know_nothing_have_equal_weights_however_confident(confidence):
    torch.manual_seed(0)
    progress = Progress(STAGES)
    for _ in range(300):
        outputs = [confidence * torch.randn(8, 2) for _ in STAGES]
        progress.update(outputs, batch(torch.randint(2, (8,)), AD), 1.0, hard=False)
    for reading in ("conditional", "corrected"):
        weights = progress.weigh("cur", 0.5, reading=reading)
        assert weights.max() - weights.min() < 0.06
    assert progress.weigh("cur", 0.5, reading="union").argmax() == 3  # the last stage leads and knows nothing


def known(share: float, y: torch.Tensor, begin: float = 0.0) -> torch.Tensor:
    """Logits that are right and sure for the scans from `begin` on, a `share` of all, and undecided for the others."""
    sure = 30.0 * (2.0 * torch.nn.functional.one_hot(y, 2) - 1)
    place = torch.arange(len(y)) / len(y)
    return torch.where(((place >= begin) & (place < begin + share))[:, None], sure, torch.zeros_like(sure))


@pytest.mark.parametrize(
    ("shares", "leader"), [((0.6, 0, 0, 0), "S1"), ((0.3, 0.9, 0, 0), "S4"), ((0.3, 0.5, 0.6, 0.95), "C1")]
)
def test_the_stage_leads_that_learns_most_of_what_is_left(shares, leader):
    y = torch.tensor([0, 1] * 50)
    progress = Progress(STAGES)
    progress.update([known(share, y) for share in shares], batch(y, AD), 1.0, hard=True)
    assert STAGES[int(progress.weigh("cur", 0.5).argmax())] == leader


def test_the_conditional_complexity_is_what_a_stage_leaves_of_what_was_left():
    progress = Progress(STAGES)
    progress.sizes.copy_(torch.tensor([6.0, 8.0, 8.0, 10.0]))
    progress.chance.copy_(torch.tensor([4.0, 4.0, 4.0, 4.0]))
    progress.truth.fill_(12.0)
    learnt = np.array([2, 4, 4, 6]) / 8
    np.testing.assert_allclose(progress.learnt, learnt, rtol=1e-6)
    np.testing.assert_allclose(progress.complexity("corrected"), 1 - learnt, rtol=1e-6)
    np.testing.assert_allclose(progress.complexity("conditional"), [6 / 8, 4 / 6, 1, 2 / 4], rtol=1e-6)


def test_where_earlier_stages_know_everything_a_later_one_does_not_lead():
    y = torch.tensor([0, 1] * 4)
    progress = Progress(STAGES)
    progress.update([known(1.0, y) for _ in STAGES], batch(y, AD), 1.0, hard=True)
    np.testing.assert_allclose(progress.complexity("conditional"), [0, 1, 1, 1], atol=1e-6)


def test_residual_weights_are_what_the_stages_before_have_not_learnt():
    y = torch.tensor([0, 1] * 4)
    progress = Progress(("S1", "S4"))
    shares = progress.update([known(0.5, y), known(0.0, y)], batch(y, AD), 1.0, hard=False)
    weights = progress.weigh_scans(shares).numpy()  # the first stage knows scans 0 to 3
    np.testing.assert_allclose(weights[0], 0.5)
    np.testing.assert_allclose(weights[1], [0] * 4 + [0.5] * 4, atol=1e-6)
    np.testing.assert_allclose(progress.metrics()["weight S4"], 0.25, atol=1e-6)


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
    assert {f"{word} {stage}" for word in ("cur", "learnt", "complexity", "weight") for stage in STAGES} <= set(watched)
    assert sum(watched[f"weight {stage}"] for stage in STAGES) == pytest.approx(1)
