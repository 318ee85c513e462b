"""What every member must keep, shipped or a user's own: a new file is under test when it exists.

A user's own folder: `BENCH_PLUGINS=folder python -m pytest tests/test_contracts.py`.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import plan, registry
from bench.core import DataSpec, Study, Task, Trial, canonical
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import FAMILIES, Batch, Method, Outputs, outputs
from bench.metrics import metric
from bench.views import effective

PLUGINS = os.environ.get("BENCH_PLUGINS") or str(Path(__file__).parent / "plugins")
os.environ["BENCH_PLUGINS"] = PLUGINS
NAMES = {kind: registry.names(kind) for kind in registry.KINDS}
del os.environ["BENCH_PLUGINS"]
registry.forget()

AD, AGE = Task("classification", "auc", ("healthy", "patient")), Task("regression", "mae", unit="years")
SHAPES = {"volume": (1, 36, 40, 36), "image": (1, 64, 64)}


@pytest.fixture(autouse=True)
def members(monkeypatch):
    monkeypatch.setenv("BENCH_PLUGINS", PLUGINS)


@pytest.mark.parametrize("kind", ["datasets", "methods", "curricula"])
def test_members_are_final_frozen_dataclasses_whose_parameters_have_a_meaning(kind):
    for name in NAMES[kind]:
        cls = registry.member(kind, name)
        assert inspect.isclass(cls)
        assert cls.__dataclass_params__.frozen, name
        assert inspect.getdoc(cls), name
        for field in dataclasses.fields(cls):
            assert field.metadata.get("meaning"), f"{name}.{field.name} does not say what it means"
        canonical(registry.spec(kind, name))


@pytest.mark.parametrize("name", NAMES["datasets"])
def test_a_data_set_says_what_it_is(name):
    made = registry.make("datasets", name)
    for word in ("title", "source", "licence", "citation", "layout"):
        assert isinstance(getattr(made, word), str)
        assert getattr(made, word)
    assert len(made.shape) == len(made.spacing) + 1
    assert metric(made.task.primary).kind == made.task.kind
    if made.twin:
        assert registry.member("datasets", made.twin).phantom
        assert registry.make("datasets", made.twin).task.kind == made.task.kind


@pytest.mark.parametrize("name", [name for name in NAMES["datasets"] if registry.names("datasets")])
def test_a_phantom_gives_scans_of_the_shape_it_promises(name):
    made = registry.make("datasets", name)
    if not made.phantom:
        pytest.skip("real scans are not made by a program")
    samples = made.samples(None)
    assert len({sample.id for sample in samples}) == len(samples)
    one, again = samples[0].read(), made.samples(None)[0].read()
    assert one.image.shape == made.shape
    np.testing.assert_array_equal(one.image, again.image)
    assert np.isfinite(one.image).all()
    assert made.truth() is None or made.truth().shape == made.shape[1:]


@pytest.mark.parametrize("name", NAMES["methods"])
@pytest.mark.parametrize("task", [AD, AGE], ids=["classes", "numbers"])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_method_learns_with_every_weight_or_says_why_not(name, task, kind):
    method: Method = registry.make("methods", name)
    assert method.family in FAMILIES
    reason = method.refuses(task, SHAPES[kind])
    if reason is not None:
        assert len(reason) > 10
        return
    view = effective(method.shown(task), SHAPES[kind])
    shape = view.shape(SHAPES[kind], (4.0,) * (len(SHAPES[kind]) - 1))
    torch.manual_seed(0)
    model = method.build(task, shape)
    x, y = torch.randn(4, *shape), torch.tensor([0, 1, 0, 1])
    y = y if task is AD else y.float()
    if method.solves:
        method.solve(model, x.numpy(), y.numpy(), task, 0)
        assert model(x).shape == (4, task.outputs)
        return
    model.train()
    losses = method.step(model, Batch(x, y, torch.arange(4), task, Stage(), 0.0, _teachers(method, task)))
    assert losses.shape == (4,)
    losses.mean().backward()
    idle = [label for label, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not idle
    said = outputs(model.eval(), x)
    assert said.logits.shape == (4, task.outputs)
    assert said.features.shape[0] == 4


def _teachers(method: Method, task: Task) -> list[Outputs]:
    trial = Trial(DataSpec("phantom_ad"), registry.spec("methods", "constant"))
    return [Outputs(torch.randn(4, task.outputs), torch.randn(4, 32)) for _ in method.upstream(trial)]


@pytest.mark.parametrize("name", NAMES["curricula"])
def test_a_curriculum_is_a_pure_function_of_progress_and_signals(name):
    curriculum: Curriculum = registry.make("curricula", name)
    seen, losses = torch.tensor([0.1, float("nan"), 0.5]), torch.tensor([0.1, 2.0, 0.5])
    signals = Signals(seen, losses.numpy(), AD, (1, 64, 64), batch=2, layers=3, seed=1)
    for progress in (0.0, 0.5, 0.999):
        one, again = curriculum.at(progress, signals), curriculum.at(progress, signals)
        assert isinstance(one, Stage)
        for field in dataclasses.fields(Stage):
            asked = [getattr(stage, field.name) for stage in (one, again)]
            if field.name == "weigh" and one.weigh:
                asked = [weigh(losses[:2]) for weigh in asked]
                assert asked[0].shape == (2,)
            elif field.name == "voxels" and one.voxels:
                asked = [voxels(torch.zeros(2, 9, 9, dtype=torch.long)) for voxels in asked]
                assert asked[0].shape == (2, 9, 9)
            np.testing.assert_array_equal(*asked)
    assert torch.equal(seen.isnan(), torch.tensor([False, True, False]))


@pytest.mark.parametrize("name", NAMES["curricula"])
def test_a_curriculum_acts_or_says_why_not(name):
    curriculum: Curriculum = registry.make("curricula", name)
    network, floor = registry.make("methods", "xing2020"), registry.make("methods", "constant")
    for task in (AD, AGE):
        reason = curriculum.refuses(network, task, (3, 40, 36))
        assert reason is None or len(reason) > 10
    assert name == "none" or len(curriculum.refuses(floor, AD, (1, 40, 36, 36))) > 10


@pytest.mark.parametrize("name", NAMES["studies"])
def test_a_study_can_be_planned(name):
    study: Study = registry.study(name)
    plan.check(study, name)
    assert study.question.endswith(("?", ")"))
    cells = plan.cells(study, [DataSpec("phantom_ad", fingerprint="f")])
    assert cells
    keys = {cell.trial.key for cell in cells}
    assert sum(len(wave) for wave in plan.waves(cells)) == len(keys)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_member_can_be_described(kind):
    for name in NAMES[kind]:
        entry = registry.describe(kind, name)
        assert entry["about"], name
        assert json.loads(json.dumps(entry))["name"] == name
