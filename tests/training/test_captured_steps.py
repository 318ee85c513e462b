"""Steps as a graph: the same numbers as without, to the bit, and a training that goes on without where they are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from step_recorder import RecorderSource
from torch import nn

from bench import registry
from bench.core import DataSpec, Recipe, Spec, Task, Trial, param
from bench.data.loader import Normaliser, Part
from bench.method import Method, Outputs, label_losses
from bench.training import checkpoint, loop, optim
from bench.training.capture import captured_steps
from bench.training.capture.training_snapshot import TrainingSnapshot
from bench.training.training_setup import TrainingSetup
from bench.views import View, Volume

AUC, SHAPE, STEPS = Task("classification", "auc", ("a", "b")), (1, 8, 8), 48
SMALL = {"progressive_resizing": {"smallest": 4, "increment": 4}, "low_frequency_crop": {"smallest": 4}}
COUNT: list[int] = []


@dataclass(frozen=True, kw_only=True)
class Conv(Method):
    """The smallest network with normalisation and dropout; `odd` names what its loss does besides."""

    family: ClassVar[str] = "2d"

    view: View = param(Volume(), "whole")
    lr: float = param(0.01, "learning rate")
    odd: str = param("", "what the loss does besides")

    def build(self, task, shape):
        maps = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.2))
        return maps.extend([nn.Conv2d(4, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, task.outputs)])

    def step(self, model, batch):
        losses = label_losses(model(batch.x), batch)
        batch.terms["label loss"] = losses.detach()
        return losses * ODD[self.odd](model, batch) if self.odd else losses


def own_count(model, batch):
    model.count = getattr(model, "count", 0) + 1
    return 1 + 1e-3 * model.count


def count_outside(model, batch):
    COUNT.append(1)
    return 1 + 0.5 * (len(COUNT) % 2)


ODD = {
    "counts": own_count,
    "counts outside": count_outside,
    "reads a number": lambda model, batch: 1 + (model[-1].bias.abs().max().item() > 100),
    "reads progress": lambda model, batch: 1 + batch.progress,
    "asks for progress": lambda model, batch: 2 if batch.progress > 0.5 else 1,
    "fails in a graph": lambda model, batch: 1 if isinstance(batch.progress, float) else {}["progress"],
    "weighs scans": lambda model, batch: batch.index.float() + 1,
    "reads its teacher": lambda model, batch: batch.upstream[0].logits.float().mean(1),
}


def setup(folder, graphs=None, curriculum="none", steps=STEPS, points=2, **params):
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    x = (rng.normal(size=(24, *SHAPE)) + y[:, None, None, None]).astype(np.float32)
    rows = np.arange(16), np.arange(16, 24)
    parts = [Part(x, each, y[each], Normaliser.fit(x, rows[0]), torch.device("cpu")) for each in rows]
    trial = Trial(DataSpec("d"), Spec("m"), recipe=Recipe(steps=steps, batch_size=4, points=points))
    chosen = registry.make("curricula", curriculum, SMALL.get(curriculum))
    many = int(bool(chosen.upstream(trial))) + int(params.get("odd") == "reads its teacher")
    upstream = [Outputs(torch.randn((16, 2), generator=torch.Generator().manual_seed(1)), torch.ones(16, 1))] * many
    folder.mkdir(exist_ok=True)
    method = Taught(**params) if params.get("odd") == "reads its teacher" else Conv(**params)
    return TrainingSetup(
        trial, method, chosen, AUC, *parts, torch.device("cpu"), folder, upstream=upstream, graphs=graphs
    )


@dataclass(frozen=True, kw_only=True)
class Taught(Conv):
    """It has one teacher."""

    def upstream(self, trial):
        return (trial,)


def both(tmp_path, **more):
    """A training without and one with graphs, and the recorder."""
    source = RecorderSource()
    COUNT.clear()
    plain = loop.fit(setup(tmp_path / "plain", **more), SHAPE)
    COUNT.clear()
    return plain, loop.fit(setup(tmp_path / "graph", source, **more), SHAPE), source


def check_same(one, two):
    for (name, left), right in zip(one.model.state_dict().items(), two.model.state_dict().values(), strict=True):
        assert torch.equal(left, right), name
    assert [replace(p, state=None) for p in one.points] == [replace(p, state=None) for p in two.points]


@pytest.mark.parametrize(
    "params",
    [
        {"warmup": 0.2, "ema": 0.9, "clip": 0.5},
        {"optimiser": "sgd", "schedule": "poly", "label_smoothing": 0.1},
        {"optimiser": "adam", "layer_decay": 0.5, "decays": "matrices", "schedule": "constant"},
        {"odd": "reads progress"},
        {"odd": "weighs scans"},
        {"odd": "reads its teacher"},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
def test_a_graph_gives_the_numbers_of_the_usual_way_to_the_bit(tmp_path, params):
    plain, graphed, source = both(tmp_path, **params)
    check_same(plain, graphed)
    usual = 1 + captured_steps.CHECKED
    assert graphed.graph["used"]
    assert graphed.graph["usual_steps"] == usual
    assert graphed.graph["replayed_steps"] == STEPS - usual
    assert graphed.graph["difference"] == 0.0
    assert "reason" not in graphed.graph
    assert source.warm_ups >= captured_steps.CHECKED
    assert plain.graph == {}


@pytest.mark.parametrize(
    ("name", "graphs", "used"),
    [
        ("anti_curriculum", 1, True),  # weights of scans change at each step
        ("progressive_resizing", 2, True),  # a graph for each size
        ("lerac", 1, True),  # rates of layers
        ("superloss", 1, True),  # one function of the losses at all steps
        ("curriculum_dropout", 0, False),  # a new rate of dropout at each step
    ],
)
def test_each_stage_has_its_graph_and_one_that_changes_at_each_step_has_none(tmp_path, name, graphs, used):
    plain, graphed, _ = both(tmp_path, curriculum=name, steps=96)
    check_same(plain, graphed)
    assert (graphed.graph["graphs"], graphed.graph["used"]) == (graphs, used)
    assert used or "enough steps on end" in graphed.graph["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.names("curricula"))
def test_every_curriculum_gives_the_same_numbers(tmp_path, name):
    if registry.make("curricula", name, SMALL.get(name)).refuses(Conv(), AUC, SHAPE):
        pytest.skip("it refuses classes")
    plain, graphed, _ = both(tmp_path, curriculum=name, steps=96, points=3)
    check_same(plain, graphed)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ("counts", "depends on a Python number that changes"),
        ("counts outside", "is in no parameter and no buffer"),
        ("reads a number", "waits for the device"),
        ("asks for progress", "waits for the device"),
        ("fails in a graph", "KeyError: 'progress'"),
    ],
)
def test_what_cannot_be_captured_is_found_and_goes_on_without(tmp_path, odd, reason):
    plain, graphed, _ = both(tmp_path, odd=odd)
    assert not graphed.graph["used"]
    assert reason in graphed.graph["reason"]
    assert (graphed.graph["replayed_steps"], graphed.graph["usual_steps"]) == (0, STEPS)
    if odd != "counts outside":  # nothing can take back what is counted outside
        check_same(plain, graphed)


def test_a_learning_rate_that_is_a_python_number_would_be_frozen_and_is_found(tmp_path, monkeypatch):
    build = optim.optimiser
    monkeypatch.setattr(optim, "optimiser", lambda method, model, layered, captured: build(method, model, layered))
    _, graphed, _ = both(tmp_path, warmup=0.9)
    assert not graphed.graph["used"]
    assert "differ by" in graphed.graph["reason"]


def test_a_check_leaves_weights_optimiser_and_generators_as_they_were(tmp_path, monkeypatch):
    states = []
    check = captured_steps.CapturedSteps._check

    def watched(self, window, source):
        before = TrainingSnapshot(self._training, self._setup.method)
        random = torch.get_rng_state()
        check(self, window, source)
        states.append((before.difference(), torch.equal(random, torch.get_rng_state())))

    monkeypatch.setattr(captured_steps.CapturedSteps, "_check", watched)
    loop.fit(setup(tmp_path, RecorderSource(), ema=0.9), SHAPE)
    assert states == [(0.0, True)]


def test_a_killed_training_goes_on_to_the_bit_at_every_point(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    more = {"steps": 80, "points": 4, "ema": 0.9, "warmup": 0.3}
    whole = loop.fit(setup(tmp_path / "whole", **more), SHAPE)
    for number in (1, 2, 3):
        killed = setup(tmp_path / f"killed{number}", RecorderSource(), **more)
        with pytest.raises(KeyboardInterrupt):
            loop.fit(replace(killed, progress=stop_after(number / 4)), SHAPE)
        torch.manual_seed(99)
        resumed = loop.fit(killed, SHAPE)
        assert resumed.resumed == 20 * number
        assert resumed.graph["used"] is (number < 3)  # at the end a capture is not worth its cost
        check_same(whole, resumed)


def stop_after(share):
    def progress(fraction):
        if fraction >= share:
            raise KeyboardInterrupt

    return progress


class Slow(RecorderSource):
    """A device on which a replay takes longer."""

    timed = True

    def new(self, generators=()):
        graph = super().new(generators)
        replay = graph.replay
        graph.replay = lambda: (torch.linalg.svd(torch.ones(300, 300)), replay())
        return graph


def test_a_graph_that_is_not_faster_is_not_used(tmp_path):
    plain, slow = loop.fit(setup(tmp_path / "a"), SHAPE), loop.fit(setup(tmp_path / "b", Slow()), SHAPE)
    check_same(plain, slow)
    assert not slow.graph["used"]
    assert "a replay takes" in slow.graph["reason"]
    assert slow.graph["replay_ms"] > slow.graph["usual_ms"]


def test_too_few_steps_between_evaluation_points_are_said(tmp_path):
    fit = loop.fit(setup(tmp_path, RecorderSource(), points=24), SHAPE)
    assert not fit.graph["used"]
    assert "enough steps on end" in fit.graph["reason"]
