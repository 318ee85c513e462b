"""Co-mining: what one view finds and the mask lacks is learnt from by the other view, and its controls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from finished_trials import carried_out
from torch import nn

from baselines import _recovered_components as parts
from bench import registry
from bench.core import BenchError, Labels, Recipe, Split, Task, Trial, plain
from bench.data.missing_components import components, left_out
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.method import Batch, label_losses
from bench.registry import make
from bench.storage.record_store import Store
from bench.training import checkpoint, trained_model

MASK = Task("segmentation", "dice", ("background", "spot", "other"))
EDGE = 12
SMALL = {"channels": [8, 16], "units": 1, "lr": 3e-3}
LEARNER = {"learner": "unet3d", "learner_params": SMALL, "after": 0.5}
MISSING = 0.7


def cube(mask: np.ndarray, corner: tuple[int, int, int], label: int = 1, edge: int = 3) -> np.ndarray:
    mask[tuple(slice(start, start + edge) for start in corner)] = label
    return mask


def empty() -> np.ndarray:
    return np.zeros((EDGE,) * 3, np.uint8)


class Answer(nn.Module):
    """A network that answers with the same classes, of a given probability, whatever it reads."""

    def __init__(self, labels: np.ndarray, sure: float) -> None:
        super().__init__()
        hot = nn.functional.one_hot(torch.from_numpy(labels).long(), 3).movedim(-1, 0).float()
        self.logits = nn.Parameter(hot * float(np.log(2 * sure / (1 - sure))))
        self.read = []

    def forward(self, x):
        self.read.append((x.detach().clone(), self.training, torch.is_grad_enabled()))
        return self.logits.expand(len(x), *self.logits.shape)


FOUND = [  # the guess, the mask, how sure, and how many components are added
    ("a likely one", cube(empty(), (1, 1, 1)), empty(), 0.7, 1),
    ("an unlikely one", cube(empty(), (1, 1, 1)), empty(), 0.55, 0),
    ("a labelled one", cube(empty(), (1, 1, 1)), cube(empty(), (1, 1, 1)), 0.9, 0),
    ("one that is larger than its label", cube(empty(), (1, 1, 1), edge=4), cube(empty(), (1, 1, 1)), 0.9, 0),
    ("one that joins a small label to much else", cube(empty(), (1, 1, 1), edge=6), cube(empty(), (1, 1, 1)), 0.9, 1),
    ("one of another class in its place", cube(empty(), (1, 1, 1)), cube(empty(), (1, 1, 1), 2), 0.9, 0),
    ("one beside another class", cube(empty(), (1, 1, 1)), cube(empty(), (1, 1, 6), 2), 0.9, 1),
    ("a speck", cube(empty(), (1, 1, 1), edge=1), empty(), 0.9, 0),
    ("two", cube(cube(empty(), (1, 1, 1)), (7, 7, 7), 2), empty(), 0.9, 2),
]


@pytest.mark.parametrize(("guess", "mask", "sure", "count"), [case[1:] for case in FOUND], ids=[c[0] for c in FOUND])
def test_what_is_likely_and_not_labelled_is_added(guess, mask, sure, count):
    found = parts.unlabelled_components(mask, guess, np.full(guess.shape, sure), 0.6, 0.4, 8)
    assert len(found) == count
    done, counts = parts.completed(
        torch.from_numpy(mask)[None].long(), (guess[None], np.full((1, *guess.shape), sure)), lambda *given: found
    )
    labelled = mask > 0
    assert counts.tolist() == [count]
    assert (done[0].numpy()[labelled] == mask[labelled]).all()  # nothing that is labelled changes
    expected = np.where(labelled | (guess == 0), mask, guess) if count else mask
    np.testing.assert_array_equal(done[0].numpy(), expected)


def test_each_view_learns_from_what_the_network_finds_in_the_other(monkeypatch):
    method, y = make("methods", "co_mining", {**LEARNER, "after": 0.0}), torch.zeros(2, EDGE, EDGE, EDGE).long()
    guess, learnt = cube(empty(), (2, 2, 2)), []
    model = Answer(guess, 0.9).train()

    def only_the_first(model, x):
        answers = np.stack([guess, empty()]) if torch.equal(x, batch.x) else np.stack([empty(), guess])
        return answers, np.full(answers.shape, 0.9)

    def step(model, batch):
        learnt.append(batch)
        return label_losses(model(batch.x), batch)

    batch = Batch(torch.randn(2, 1, EDGE, EDGE, EDGE), y, torch.arange(2), MASK)
    monkeypatch.setattr(parts, "guesses", only_the_first)
    monkeypatch.setattr(type(method._learner), "step", lambda self, model, batch: step(model, batch))
    losses = method.step(model, batch)
    filled = torch.from_numpy(guess).long()
    assert torch.equal(learnt[0].x, batch.x)
    assert not torch.equal(learnt[1].x, batch.x)
    assert torch.equal(learnt[0].y, torch.stack([y[0], filled]))  # found in the view of other intensities
    assert torch.equal(learnt[1].y, torch.stack([filled, y[0]]))
    assert torch.equal(batch.y, y)
    assert batch.terms["recovered components"].tolist() == [0.5, 0.5]
    alone = [label_losses(model(one.x), one) for one in learnt[:2]]
    torch.testing.assert_close(losses, (alone[0] + alone[1]) / 2)


def test_guesses_have_no_gradient_and_are_those_of_the_evaluated_network():
    model = Answer(cube(empty(), (2, 2, 2)), 0.8).train()
    label, sure = parts.guesses(model, torch.zeros(2, 1, EDGE, EDGE, EDGE))
    assert model.read[0][1:] == (False, False)
    assert model.training
    np.testing.assert_array_equal(label[1], cube(empty(), (2, 2, 2)))
    assert sure[0, 2, 2, 2] == pytest.approx(0.8)


def test_a_view_differs_in_contrast_and_brightness_alone():
    torch.manual_seed(0)
    x = 5 + 2 * torch.randn(200, 1, 6, 6, 6)
    changed = parts.jittered(x, 0.8, 0.8)
    same = (changed == x).flatten(1).all(1)
    assert float(same.float().mean()) == pytest.approx(0.2, abs=0.08)
    flat, other = x.flatten(1), changed.flatten(1)
    contrast = other.std(1) / flat.std(1)
    assert 0.2 <= float(contrast.min()) < 0.4
    assert 1.6 < float(contrast.max()) <= 1.8
    moved = (other.mean(1) - flat.mean(1)) / flat.std(1)
    assert 0.6 < float(moved.abs().max()) <= 0.8
    line = (flat - flat.mean(1, keepdim=True)) * contrast[:, None] + other.mean(1, keepdim=True)
    torch.testing.assert_close(other, line, atol=1e-4, rtol=1e-4)
    assert torch.equal(parts.jittered(x, 0.8, 0.0), x)


def test_the_control_adds_as_many_components_of_the_same_shapes_where_nothing_is_labelled():
    rng = np.random.default_rng(0)
    mask = cube(empty(), (0, 0, 0), 2, 6)
    some = components(cube(cube(empty(), (1, 7, 7)), (7, 1, 1), 2))
    places = set()
    for _ in range(50):
        moved = parts.at_random_places(mask, some, rng)
        assert [(each.label, each.size) for each in moved] == [(each.label, each.size) for each in some]
        assert all(0 <= cut.start < cut.stop <= EDGE for each in moved for cut in each.box)
        assert not any(mask[each.box][each.inside].any() for each in moved)
        places.add(tuple(cut.start for cut in moved[0].box))
    assert len(places) > 40


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"learner": "linear"}, "linear cannot be the learner: it has no optimiser steps"),
        ({"learner": "co_mining"}, "it is co_mining itself"),
        ({"learner": "distil"}, "it has a teacher"),
        ({"threshold": 1.5}, "threshold must be from 0 to 1"),
        ({"lr": 0.1, "learner_params": {"lr": 0.2}}, "lr is 0.1, but learner_params has another value"),
    ],
)
def test_impossible_learners_are_refused(params, says):
    with pytest.raises(BenchError, match=says):
        make("methods", "co_mining", params)


def test_tasks_without_masks_are_refused():
    reason = make("methods", "co_mining").refuses(Task("classification", "auc", ("a", "b")), (1, 9, 9, 9))
    assert reason == "it recovers components of masks, and the target is not a mask"


SEGMENTING = [
    name
    for name in registry.names("methods")
    if name != "co_mining"
    and not make("methods", name).solves
    and "segmentation" in make("methods", name).kinds
    and make("methods", name).refuses(MASK, (1, 32, 32, 32)) is None
]


@pytest.mark.parametrize(
    "name", [each if each == "unet3d" else pytest.param(each, marks=pytest.mark.slow) for each in SEGMENTING]
)
def test_any_network_that_segments_can_learn_so(name):
    method = make("methods", "co_mining", {"learner": name, "threshold": 0.0})
    shape = method.view_for(MASK).shape((1, 32, 32, 32), (4.0,) * 3)
    model = method.build(MASK, shape)
    torch.manual_seed(0)
    batch = Batch(torch.randn(1, *shape), torch.zeros(1, 32, 32, 32).long(), torch.arange(1), MASK)
    losses = method.step(model.train(), batch)
    losses.mean().backward()
    assert losses.shape == (1,)
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())


@pytest.fixture
def spots(plugins):
    """A trial on spots of which most are missing in the training masks."""
    data = prepare("tiny_spots", {"people": 8}).spec

    def trial(steps: int = 80, **params) -> Trial:
        method = registry.spec("methods", "co_mining", {**LEARNER, **params})
        recipe = Recipe(steps=steps, batch_size=2, points=4)
        return Trial(data, method, Split(folds=4), Labels.incomplete(MISSING), recipe=recipe)

    return trial


def recovered(trial: Trial, store: Store) -> tuple[float, float, int]:
    """Structures that a training mask lacks: how many are added to it, how many there are; and others in all masks."""
    loaded = trained_model.load(store, trial.key)
    data, whole = loaded.data, prepare("tiny_spots", {"people": 8}).masks()
    found = missing = false = 0
    for row in data.fold.train:
        (mask,) = data.targets[np.array([row])]
        lost = left_out(whole[row], MISSING, "tiny_spots", trial.seed, data.prepared.ids[row])
        assert (mask != whole[row]).sum() == sum(each.size for each in lost)
        x, _ = data.part(np.array([row])).take(np.array([0]))
        label, sure = (each[0] for each in parts.guesses(loaded.model, x))
        added = np.zeros_like(mask)
        for each in data.method._chosen(mask, label, sure, parts.own_generator()):
            added[each.box][each.inside] = each.label
            false += int((whole[row][each.box][each.inside] == 0).mean() > 0.5)
        found += sum(int((added[each.box][each.inside] > 0).mean() > 0.5) for each in lost)
        missing += len(lost)
    return found / len(data.fold.train), missing / len(data.fold.train), false


def test_missing_structures_are_recovered_and_at_random_places_they_are_not(spots, tmp_path):
    mined, lost = (spots(recover=way) for way in ("found", "random"))
    store, record = carried_out(mined, tmp_path / "r")
    _, control = carried_out(lost, tmp_path / "r")
    (found, missing, false), (by_chance, *_) = recovered(mined, store), recovered(lost, store)
    assert found >= 0.8 * missing
    assert false == 0
    assert by_chance <= 0.3 * missing
    assert record.curve[-1]["test"] > control.curve[-1]["test"] + 0.05  # Dice against whole masks
    assert "watched" not in record.curve[0]  # nothing is added before half of the steps
    assert record.curve[-1]["watched"]["recovered components"] == pytest.approx(missing, abs=1)


def test_the_control_draws_what_its_arm_draws_where_nothing_is_found(spots, tmp_path):
    found, lost = (
        carried_out(spots(steps=8, recover=way, after=0.0, threshold=1.0), tmp_path / "r")[1]
        for way in ("found", "random")
    )
    assert plain(found.metrics) == plain(lost.metrics)


def test_random_places_differ_from_step_to_step_and_leave_the_other_draws_as_they_are():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    places, drawn = [], []
    for _ in range(2):
        places.append(parts.own_generator().random())
        drawn.append(torch.rand(1))
    assert places[0] != places[1]
    assert torch.equal(torch.cat(drawn), expected)


@pytest.mark.parametrize("way", [pytest.param("found", marks=pytest.mark.slow), "random"])
def test_a_killed_training_goes_on_to_the_bit(spots, way, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    trial = spots(steps=8, recover=way, after=0.0)
    whole, record = carried_out(trial, tmp_path / "whole")
    killed = Store(tmp_path / "killed")
    killed.open()

    def stop(fraction):
        if fraction >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, killed, True, stop)
    torch.manual_seed(5)
    again = run_trial.run(trial, killed, True)
    assert again.resolved["resumed_at_step"] == 4
    assert plain(again.metrics) == plain(record.metrics)
    assert killed.weights(trial.key).read_bytes() == whole.weights(trial.key).read_bytes()
