"""What every member must keep, shipped or a user's own: a new file is under test when it exists.

A user's own folder: `BENCH_PLUGINS=folder python -m pytest tests/members/test_contracts.py`.
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
from learnable_methods import LARGE, TASKS, batch_of, built, form, loss, shape_after_view, small_shape, solved, trained
from safetensors.torch import load_model, save_model

from bench import registry
from bench.core import DataSpec, Study, canonical
from bench.curriculum import Curriculum, Signals, Stage
from bench.evaluation.metrics import metric
from bench.experiments import plan
from bench.method import FAMILIES, Method, outputs

PLUGINS = os.environ.get("BENCH_PLUGINS") or str(Path(__file__).parents[1] / "plugins")
os.environ["BENCH_PLUGINS"] = PLUGINS
NAMES = {kind: registry.names(kind) for kind in registry.KINDS}
del os.environ["BENCH_PLUGINS"]
registry.clear_cache()

AD, AGE = TASKS["classes"], TASKS["numbers"]
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
def test_a_data_set_describes_itself(name):
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
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("kind", SHAPES)
def test_a_method_learns_with_every_weight_or_says_why_not(name, task, kind):
    method: Method = registry.make("methods", name)
    assert method.family in FAMILIES
    shape = small_shape(name, kind) if task.kind == "segmentation" else SHAPES[kind]  # masks take every voxel
    reason = method.refuses(task, shape)
    if reason is not None:
        assert len(reason) > 10
        return
    batch = batch_of(method, task, shape_after_view(method, task, shape), 2)
    answer = (2, task.outputs, *(batch.x.shape[2:] if task.kind == "segmentation" else ()))
    if method.solves:
        assert solved(method, batch)(batch.x).shape == answer
        return
    model = built(method, batch).train()
    losses = method.step(model, batch)
    assert losses.shape == (2,)
    losses.mean().backward()
    idle = [label for label, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not idle
    result = outputs(model.eval(), batch.x)
    assert result.logits.shape == answer
    assert result.features.shape[0] == 2


def slow(name, task, kind):
    """Large networks, and several at once, are tried once for each task: masks on images, the others on volumes."""
    return name in (*LARGE, "ensemble") and kind == ("volume" if task == "masks" else "image")


CELLS = [
    pytest.param(name, task, kind, marks=[pytest.mark.slow] if slow(name, task, kind) else [])
    for name in NAMES["methods"]
    for task in TASKS
    for kind in SHAPES
]


@pytest.mark.parametrize(("name", "task", "kind"), CELLS)
def test_a_method_learns_a_batch_and_is_the_same_under_a_seed_and_when_it_is_stored(name, task, kind, tmp_path):
    """Twenty steps on one batch lower its loss in eval mode; no weight is kept anywhere but in the network's state."""
    method, task, shape = form(name), TASKS[task], small_shape(name, kind)
    if reason := method.refuses(task, shape):
        assert len(reason) > 10
        return
    batch = batch_of(method, task, shape_after_view(method, task, shape), 2 if task.kind == "segmentation" else 4)
    if method.solves:
        model, again = solved(method, batch), solved(method, batch)
        torch.testing.assert_close(again(batch.x), model(batch.x), rtol=0, atol=0)
    else:
        model, before, losses = trained(method, batch, 20)
        assert loss(method, model, batch) < before
        assert trained(method, batch, 3)[2] == losses[:3]
    save_model(model, str(tmp_path / "m.safetensors"))
    fresh = built(method, batch, seed=9)
    load_model(fresh, str(tmp_path / "m.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(fresh.eval()(batch.x), model.eval()(batch.x), rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES["curricula"])
def test_a_curriculum_is_a_pure_function_of_progress_and_signals(name):
    curriculum: Curriculum = registry.make("curricula", name)
    observed, losses = torch.tensor([0.1, float("nan"), 0.5]), torch.tensor([0.1, 2.0, 0.5])
    signals = Signals(observed, losses.numpy(), AD, (1, 64, 64), batch=2, layers=3, seed=1)
    for progress in (0.0, 0.5, 0.999):
        one, again = curriculum.at(progress, signals), curriculum.at(progress, signals)
        assert isinstance(one, Stage)
        for field in dataclasses.fields(Stage):
            requested = [getattr(stage, field.name) for stage in (one, again)]
            if field.name == "weigh" and one.weigh:
                requested = [weigh(losses[:2]) for weigh in requested]
                assert requested[0].shape == (2,)
            elif field.name == "voxels" and one.voxels:
                requested = [voxels(torch.zeros(2, 9, 9, dtype=torch.long)) for voxels in requested]
                assert requested[0].shape == (2, 9, 9)
            np.testing.assert_array_equal(*requested)
    assert torch.equal(observed.isnan(), torch.tensor([False, True, False]))


@pytest.mark.parametrize("name", NAMES["curricula"])
def test_a_curriculum_acts_or_gives_a_reason(name):
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
