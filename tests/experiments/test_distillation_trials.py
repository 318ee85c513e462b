"""Teachers and students as trials: trained once, shared, killed and resumed; the outputs of a teacher for scans."""

from __future__ import annotations

from dataclasses import replace

import learnable_methods
import numpy as np
import pytest
import torch
from finished_trials import carried_out
from safetensors.torch import load_file

from baselines._distil_registry import LOSSES
from baselines.distil import Distil
from bench import registry
from bench.core import BenchError, DataSpec, Labels, Recipe, Split, Task, Trial, plain
from bench.data.loader import Normaliser, Part
from bench.data.prepare import prepare
from bench.experiments import plan, run_trial
from bench.experiments.plan.dependencies import DependencyResolver
from bench.method import Batch, Outputs, outputs
from bench.storage.record_store import Store
from bench.training import checkpoint, inference
from bench.training.training_setup import autocast

SMALL = {
    "student_params": {**learnable_methods.SMALL, "view": "max"},
    "teacher": "monai3d",
    "teacher_params": learnable_methods.SOLID,
}
SEGMENTS = {
    "loss": "paced_curriculum",
    "student": "unet3d",
    "student_params": {"channels": [2, 4], "units": 1},
    "teacher": "",
}
TWO = Task("classification", "auc", ("a", "b"))
WAYS = {
    "hinton": ("classification", {"loss": "kd", **SMALL}),
    "hints": ("regression", {"loss": "fitnet", **SMALL}),
    "attention": ("classification", {"loss": "attention_transfer", **SMALL}),
    "contrast": ("classification", {"loss": "crd", **SMALL}),
    "number": ("regression", {"loss": "l1", **SMALL}),
    "graph": ("classification", {"loss": "similarity_graph", **SMALL}),
    "random": ("classification", {"loss": "rkd", **SMALL, "teacher_weights": "random"}),
    "born again": ("classification", {"loss": "kd", "student": "tiny_net", "teacher": "", "temperature": 1.0}),
    "paced": ("segmentation", SEGMENTS),
}


@pytest.fixture
def student_runs(plugins, monkeypatch):
    """The trial of a way, and a store."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)

    def trial(way: str, steps: int = 6) -> Trial:
        kind, params = WAYS[way]
        data = prepare("tiny_volumes", {"kind": kind, "people": 12}).spec
        recipe = Recipe(steps=steps, batch_size=4, points=3)
        method = registry.spec("methods", "distil", params)
        return DependencyResolver().resolve(Trial(data, method, Split(folds=2), recipe=recipe))

    return trial


@pytest.mark.parametrize("way", WAYS)
def test_a_student_learns_from_the_trial_of_its_teacher(student_runs, way, tmp_path):
    trial = student_runs(way)
    store, record = carried_out(trial, tmp_path / "r")
    (teacher,) = plan.upstream_of(trial)
    assert trial.upstream == (teacher.key,)
    name = trial.method.params["teacher"] or trial.method.params["student"]
    assert store.get(teacher.key).trial.method.name == name
    assert record.cost["parameters"] > 0
    assert all(np.isfinite(row["train_loss"]) for row in record.curve)


@pytest.mark.parametrize("way", ["hints", "contrast", "paced"])
def test_a_killed_student_goes_on_to_the_bit(student_runs, way, tmp_path):
    trial = student_runs(way)
    whole, record = carried_out(trial, tmp_path / "whole")
    (teacher,) = plan.upstream_of(trial)
    store = Store(tmp_path / "killed")
    store.open()
    run_trial.run(teacher, store, True)

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, store, True, stop)
    again = run_trial.run(trial, store, True)
    assert again.resolved["resumed_at_step"] == 4
    assert plain(again.metrics) == plain(record.metrics)
    assert store.weights(trial.key).read_bytes() == whole.weights(trial.key).read_bytes()


def test_an_untrained_teacher_keeps_the_weights_it_began_with(student_runs, tmp_path):
    trial = student_runs("random")
    (teacher,) = plan.upstream_of(trial)
    store = Store(tmp_path / "r")
    store.open()
    run_trial.run(teacher, store, True)
    torch.manual_seed(teacher.seed_for("init"))
    method = registry.make("methods", teacher.method.name, teacher.method.params)
    view = method.view.shape((1, 12, 12, 12), (4.0,) * 3)
    started = dict(method.build(TWO, view).named_parameters())
    saved = load_file(store.weights(teacher.key))
    assert all(torch.equal(saved[name], weight) for name, weight in started.items())


def test_a_teacher_is_trained_once_for_all_its_students(student_runs):
    losses = [student_runs(way) for way in ("hinton", "contrast", "graph")]
    assert len({plan.upstream_of(trial)[0].key for trial in losses}) == 1
    assert plan.upstream_of(student_runs("random"))[0].key != plan.upstream_of(losses[0])[0].key


STANDING = [name for name in registry.names("methods") if name not in ("distil", "similarity_graph")]


@pytest.mark.parametrize("name", STANDING)
def test_any_method_that_takes_steps_can_be_the_student(name):
    alone = registry.make("methods", name)
    if alone.solves or alone.family == "distillation" or alone.refuses(TWO, (1, 36, 40, 36)):
        pytest.skip("no student of volumes with classes")
    method = registry.make("methods", "distil", {"loss": "rkd", "student": name})
    assert method.refuses(TWO, (1, 36, 40, 36)) is None
    shape = method.view_for(TWO).shape((1, 36, 40, 36), (4.0,) * 3)
    model, y = method.build(TWO, shape), torch.tensor([0, 1, 0, 1])
    teacher = Outputs(torch.randn(4, 2), torch.randn(4, 5))
    losses = method.step(model, Batch(torch.randn(4, *shape), y, torch.arange(4), TWO, upstream=[teacher]))
    assert losses.shape == (4,)


@pytest.mark.parametrize("loss", ["kd", "fitnet"])
def test_all_outputs_are_captured_if_the_students_own_loss_reads_parts_of_its_network(loss):
    method = registry.make(
        "methods", "distil", {"loss": loss, "student": "dclse", "student_params": {"auxiliary": True}}
    )
    shape = method.view_for(TWO).shape((1, 36, 40, 36), (4.0,) * 3)
    model, y = method.build(TWO, shape), torch.tensor([0, 1, 0, 1])
    teacher = Outputs(torch.randn(4, 2), torch.randn(4, 5))
    batch = Batch(torch.randn(4, *shape), y, torch.arange(4), TWO, upstream=[teacher])
    method.step(model, batch).mean().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


VIT = {"patch_size": 8, "hidden_size": 12, "mlp_dim": 8, "num_layers": 1, "num_heads": 2}
NETWORKS = [
    ("timm2d", {"network": "resnet10t"}, (1, 64, 96), (2, 3)),
    ("timm2d", {"network": "convnext_atto"}, (3, 64, 64), (2, 2)),
    ("timm2d", {"network": "swin_tiny_patch4_window7_224"}, (3, 224, 224), (7, 7)),
    ("timm2d", {"network": "vit_tiny_patch16_224"}, (3, 32, 32), None),
    ("monai3d", {"network": "resnet10"}, (1, 32, 64, 64), (2, 4, 4)),
    (
        "monai3d",
        {"network": "ViT", "options": VIT},
        (1, 32, 32, 32),
        None,
    ),
]


@pytest.mark.parametrize(("name", "params", "shape", "positions"), NETWORKS)
def test_attention_is_the_strength_of_the_last_map(name, params, shape, positions):
    model = registry.make("methods", name, params).build(TWO, shape).eval()
    with torch.no_grad():
        x = torch.randn(2, *shape)
        result = outputs(model, x, attention=True)
        assert (None if result.attention is None else tuple(result.attention.shape)) == (positions and (2, *positions))
        if "resnet10t" in params["network"]:
            torch.testing.assert_close(result.attention, model.forward_features(x).square().mean(1))
        if "swin" in params["network"]:
            torch.testing.assert_close(result.attention, model.forward_features(x).square().mean(3))
        bare = outputs(model, x)
    assert bare.attention is None
    assert torch.equal(bare.features, result.features)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_outputs_of_a_teacher_are_selected_scan_by_scan():
    model = registry.make("methods", "timm2d", {"network": "resnet10t"}).build(TWO, (1, 64, 64))
    array = np.random.default_rng(0).normal(size=(7, 1, 64, 64)).astype(np.float32)
    part = Part(array, np.arange(7), np.zeros(7, np.int64), Normaliser.none(1))
    result = inference.upstream_outputs(model, part, 3, autocast(Recipe(precision="fp32"), torch.device("cpu")))
    some = result.at(torch.tensor([5, 2]))
    with torch.no_grad():
        alone = outputs(model.eval(), torch.from_numpy(array[[5, 2]]), attention=True)
    for one, other in ((some.logits, alone.logits), (some.features, alone.features), (some.attention, alone.attention)):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert Outputs(result.logits, result.features).at(torch.tensor([0])).attention is None


def test_of_masks_the_features_are_a_row_for_each_scan():
    model = registry.make("methods", "unet3d", {"channels": [2, 4]}).build(
        Task("segmentation", "dice", ("a", "b")), (1, 8, 8, 8)
    )
    result = outputs(model, torch.randn(2, 1, 8, 8, 8), attention=True)
    assert result.logits.shape == (2, 2, 8, 8, 8)
    assert result.features.ndim == 2
    assert result.attention is None
    with pytest.raises(ValueError, match="no linear or 1x1 layer"):
        outputs(torch.nn.Flatten(), torch.randn(2, 3))


def test_a_trial_names_its_teacher():
    spec = registry.spec("methods", "distil", WAYS["hinton"][1])
    trial = Trial(DataSpec("any"), spec)
    assert DependencyResolver().resolve(trial).upstream == tuple(each.key for each in plan.needed_by(trial))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("data", DataSpec("others")),
        ("split", Split(folds=3)),
        ("partition", 1),
        ("fold", 1),
        ("labels", Labels.noisy(0.4)),
    ],
)
def test_a_teacher_of_other_scans_is_refused_before_training(monkeypatch, name, other):
    distil, method = registry.member("methods", "distil"), registry.spec("methods", "distil", SMALL)
    trial, honest = Trial(DataSpec("any", fingerprint="f"), method), distil.upstream
    assert len(DependencyResolver().needed_by(trial)) == 1
    monkeypatch.setattr(distil, "upstream", lambda own, trial: (replace(honest(own, trial)[0], **{name: other}),))
    with pytest.raises(BenchError, match=f"distil would learn from monai3d trained on another {name}"):
        DependencyResolver().needed_by(trial)


def test_the_description_lists_the_default_numbers_of_each_loss():
    words = " ".join(Distil.__doc__.split())
    for name, loss in LOSSES.items():
        numbers = f"{loss.weight:g}"
        if (loss.label, loss.temperature) != (1, 1):
            numbers += f", {loss.label:g}, {loss.temperature:g}"
        assert f"{name} (Hinton) {numbers}" in words if name == "kd" else f"{name} {numbers}" in words, name
