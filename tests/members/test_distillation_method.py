"""Any method learns from any other: what a student gains, what it keeps, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import learnable_methods
import pytest
import torch
from safetensors.torch import load_model, save_model

from baselines import _distil, _distil_losses, _distil_registry, _graph
from bench import registry
from bench.core import NO_CURRICULUM, BenchError, DataSpec, Recipe, Spec, Task, Trial
from bench.method import Batch, Outputs, label_losses, outputs
from bench.registry import make

TWO = Task("classification", "auc", ("a", "b"))
THREE = Task("classification", "auc", ("a", "b", "c"))
AGE = Task("regression", "mae", unit="years")
MASK = Task("segmentation", "dice", ("background", "vessel"))
VOLUME, IMAGE = (1, 24, 28, 24), (3, 32, 32)
SMALL = {"student_params": learnable_methods.SMALL, "teacher_params": {"network": "resnet10"}}
SEGMENTS = {"loss": "paced_curriculum", "student": "unet3d", "student_params": {"channels": [2, 4]}, "teacher": ""}
FEATURES = ["fitnet", "attention_transfer", "similarity_preserving", "rkd", "pkt", "similarity_graph"]
WAYS = [(loss, THREE) for loss in ("kd", "dkd", "crd", *FEATURES)]
WAYS += [(loss, AGE) for loss in ("l1", *FEATURES)] + [("paced_curriculum", MASK)]


def lesson(loss, task, **more):
    """A method, its untrained model and a batch of six scans that a teacher spoke of."""
    method = make("methods", "distil", {"loss": loss, **(SEGMENTS if task is MASK else SMALL), **more})
    torch.manual_seed(0)
    shape = (1, 8, 8, 6) if task is MASK else (3, 32, 32)
    model, x = method.build(task, shape), torch.randn(6, *shape)
    y = torch.tensor([0, 1, 2, 0, 1, 2]) if task is THREE else torch.randn(6)
    if task is MASK:
        y = (x[:, 0] > 0).long()
    grid = y.shape[1:] if task is MASK else ()
    teacher = Outputs(torch.randn(6, task.outputs, *grid), torch.randn(6, 7), torch.rand(6, 2, 3, 2))
    return method, model, Batch(x, y, torch.arange(6), task, progress=0.5, upstream=[teacher])


def trained(loss, task, steps):
    """The model after some steps on one batch, and its losses in evaluation mode before and after."""
    method, model, batch = lesson(loss, task)
    method.step(model.eval(), batch)  # layers that wait for a batch to know their sizes
    with torch.no_grad():
        losses = [method.step(model.eval(), batch).mean().item()]
    descent = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(steps):
        descent.zero_grad()
        method.step(model, batch).mean().backward()
        descent.step()
    with torch.no_grad():
        losses.append(method.step(model, batch).mean().item())
    return model, losses


@pytest.mark.parametrize(("loss", "task"), WAYS)
def test_every_weight_learns_and_the_teacher_does_not(loss, task):
    method, model, batch = lesson(loss, task)
    teacher = batch.upstream[0]
    for part in (teacher.logits, teacher.features, teacher.attention):
        part.requires_grad_()
    losses = method.step(model.train(), batch)
    assert losses.shape == (6,)
    losses.mean().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    assert all(part.grad is None for part in (teacher.logits, teacher.features, teacher.attention))
    answered = []
    hook = model.register_forward_hook(lambda _, inputs, answer: answered.append(answer))
    method.step(model, batch)
    hook.remove()
    assert len(answered) == 1  # a curriculum hears the answers that are learnt from
    alone = method._student.build(task, tuple(batch.x.shape[1:])).eval()
    alone.load_state_dict({name: value for name, value in model.state_dict().items() if "beside" not in name})
    assert torch.equal(model.eval()(batch.x), alone(batch.x))  # at inference it is the plain network


@pytest.mark.parametrize(("loss", "task"), WAYS)
def test_twenty_steps_lower_the_loss_and_agree_to_the_bit(loss, task):
    (model, (before, after)), (again, _) = trained(loss, task, 20), trained(loss, task, 20)
    assert after < before
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("loss", "task"), [("fitnet", AGE), ("crd", THREE), ("paced_curriculum", MASK), ("kd", TWO)])
def test_a_student_is_reloaded_with_what_it_learnt_outside_its_network(loss, task, tmp_path):
    model, _ = trained(loss, task, 2) if task is not TWO else (lesson(loss, task)[1], None)
    fresh = lesson(loss, task)[1]
    save_model(model, tmp_path / "a.safetensors")
    load_model(fresh, tmp_path / "a.safetensors")
    for name, value in model.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name


@pytest.mark.parametrize("loss", [name for name in FEATURES if name != "attention_transfer"])
def test_the_features_that_are_compared_are_those_that_classify(loss):
    method, model, batch = lesson(loss, THREE, label_weight=0.0)
    result = outputs(model.eval(), batch.x)
    torch.testing.assert_close(model.fc(result.features), result.logits)
    method.step(model, batch).mean().backward()
    weights = dict(model.named_parameters())
    assert all(weights[name].grad.any() for name in ("conv1.0.weight", "layer4.0.bn2.weight", "layer4.0.bn2.bias"))


def test_the_similarity_graph_reaches_the_features_that_classify():
    method = make("methods", "similarity_graph", {"network": "resnet10t", "logit_graph": False, "metric": False})
    _, model, batch = lesson("kd", THREE)
    (method.step(model, batch) - label_losses(model(batch.x), batch).detach()).mean().backward()
    with_labels = model.conv1[0].weight.grad.clone()
    model.zero_grad()
    label_losses(model(batch.x), batch).mean().backward()
    assert not torch.allclose(model.conv1[0].weight.grad, with_labels)


def test_attention_reaches_the_layers_below_its_map():
    method, model, batch = lesson("attention_transfer", THREE, label_weight=0.0)
    method.step(model, batch).mean().backward()
    assert model.conv1[0].weight.grad.any()
    teacher = Outputs(batch.upstream[0].logits, batch.upstream[0].features)
    with pytest.raises(ValueError, match="the teacher has none"):
        method.step(model, Batch(batch.x, batch.y, batch.index, THREE, upstream=[teacher]))


def test_hinton_adds_a_tenth_of_the_label_loss():
    method, model, batch = lesson("kd", THREE)
    logits, taught = model.eval()(batch.x), batch.upstream[0].logits
    heat = torch.nn.KLDivLoss(reduction="none")
    soft = 16 * heat((logits / 4).log_softmax(1), (taught / 4).softmax(1)).sum(1)
    torch.testing.assert_close(method.step(model, batch), 0.1 * label_losses(logits, batch) + 0.9 * soft)


def test_dkd_grows_over_the_first_twelfth_of_the_steps():
    method, model, batch = lesson("dkd", THREE)
    model.eval()
    parts = [
        method.step(model, Batch(batch.x, batch.y, batch.index, THREE, progress=progress, upstream=batch.upstream))
        for progress in (0.0, 1 / 24, 1 / 12, 0.5)
    ]
    torch.testing.assert_close(parts[0], label_losses(model(batch.x), batch))
    torch.testing.assert_close(parts[1] - parts[0], (parts[2] - parts[0]) / 2)
    torch.testing.assert_close(parts[2], parts[3])
    own, others = _distil.decoupled(model(batch.x), batch.upstream[0].logits, batch.y, 4.0)
    torch.testing.assert_close(parts[2] - parts[0], 16 * (own + 8 * others))


@pytest.mark.parametrize("task", [THREE, AGE], ids=["classes", "numbers"])
def test_the_graph_of_any_student_is_that_of_similarity_graph(task):
    method, model, batch = lesson("similarity_graph", task)
    twin = make("methods", "similarity_graph", {"network": "resnet10t"})
    torch.testing.assert_close(method.step(model.eval(), batch), twin.step(model, batch))


def test_numbers_are_drawn_to_the_number_of_the_teacher():
    method, model, batch = lesson("l1", AGE)
    result = model.eval()(batch.x)[:, 0]
    expected = (result - batch.y).abs() + (result - batch.upstream[0].logits[:, 0]).abs()
    torch.testing.assert_close(method.step(model, batch), expected)


def test_a_student_keeps_its_own_training_and_takes_what_it_is_given():
    xing = make("methods", "distil", {"student": "xing2020"})
    assert (xing.optimiser, xing.lr, xing.weight_decay) == ("adam", 1e-4, 1e-3)
    assert registry.spec("methods", "distil", registry.spec("methods", "distil", {"student": "xing2020"}).params)
    params = {"student": "xing2020", "lr": 0.01, "student_params.view": "max"}
    method = make("methods", "distil", params)
    assert (method.lr, method.view.kind_name, method.view_for(TWO)) == (0.01, "max", method.view)
    spec = registry.spec("methods", "distil", params)
    assert registry.spec("methods", "distil", spec.params) == spec
    assert make("methods", "distil", {"student": "monai3d", "teacher": "timm2d"}).view.kind_name == "volume"


@pytest.mark.parametrize("view", ["slice", "2d+e", "orthogonal", "max", "mean", "entropy", "dynamic"])
@pytest.mark.parametrize("name", ["distil", "similarity_graph"])
def test_any_image_of_the_volume_can_be_the_students(name, view):
    params = {"loss": "similarity_graph", **SMALL} if name == "distil" else {"network": "resnet10t"}
    method = make("methods", name, {**params, "view": view})
    assert method.refuses(TWO, VOLUME) is None
    x = method.view_for(TWO)(torch.rand(3, *VOLUME), (4.0,) * 3)
    model = method.build(TWO, tuple(x.shape[1:]))
    teacher = Outputs(torch.randn(3, 2), torch.randn(3, 5))
    losses = method.step(model, Batch(x, torch.tensor([0, 1, 0]), torch.arange(3), TWO, upstream=[teacher]))
    assert losses.shape == (3,)
    assert _graph.graph(outputs(model, x).features).shape == (3, 3)


def test_a_teacher_is_an_ordinary_arm_and_an_untrained_one_does_not_move():
    data, blur = DataSpec("any", fingerprint="f"), Spec("blur", 1, {"sigma": 1.0})
    student = registry.spec("methods", "distil", SMALL)
    trial = Trial(data, student, curriculum=blur, fold=2, seed=1, recipe=Recipe(steps=200))
    (teacher,) = make("methods", "distil", student.params).upstream(trial)
    arm = registry.spec("methods", "monai3d", {"network": "resnet10"})
    assert teacher.key == Trial(data, arm, curriculum=NO_CURRICULUM, fold=2, seed=1, recipe=Recipe(steps=200)).key
    (still,) = make("methods", "distil", {**student.params, "teacher_weights": "random"}).upstream(trial)
    assert (still.method.params["lr"], still.method.params["weight_decay"]) == (0, 0)
    assert (still.recipe.steps, still.seed, still.fold) == (50, 1, 2)


def test_a_born_again_network_learns_from_its_own_method():
    params = {"student": "xing2020", "lr": 0.01, "teacher": ""}
    trial = Trial(DataSpec("any"), registry.spec("methods", "distil", params))
    (teacher,) = make("methods", "distil", trial.method.params).upstream(trial)
    assert teacher.method == registry.spec("methods", "xing2020", {"lr": 0.01})
    third = {"student": "xing2020", "teacher": "distil", "teacher_params": params}
    (second,) = make("methods", "distil", third).upstream(trial)
    assert make("methods", "distil", second.method.params).upstream(second) == (teacher,)


TOKENS = {"network": "vit_tiny_patch16_224", "options": {"depth": 1}}
REFUSED = [
    ({"loss": "dkd"}, TWO, VOLUME, "three classes or more"),
    ({"loss": "kd"}, AGE, VOLUME, "probabilities of classes, and a number has none"),
    ({"loss": "dkd"}, AGE, VOLUME, "does not support regression"),
    ({"loss": "crd"}, AGE, VOLUME, "negatives are scans of other classes"),
    ({"loss": "l1"}, TWO, VOLUME, "compares numbers"),
    ({"loss": "rkd"}, MASK, VOLUME, "not masks; use loss=paced_curriculum"),
    ({"loss": "paced_curriculum"}, TWO, VOLUME, "voxels of masks"),
    ({}, TWO, IMAGE, "its teacher monai3d does not support this: it reads volumes"),
    ({"teacher": "unet3d"}, TWO, VOLUME, "its teacher unet3d does not support this: it predicts a mask"),
    ({"student": "unet3d"}, TWO, VOLUME, "it predicts a mask"),
    ({"loss": "paced_curriculum", "student": "unet3d"}, MASK, VOLUME, "its teacher monai3d does not support this"),
    ({"loss": "attention_transfer", "view": "orthogonal"}, TWO, VOLUME, "combines several planes in one image"),
    ({"loss": "attention_transfer", "augment": "flip"}, TWO, VOLUME, "augmentation moves"),
    (
        {"loss": "attention_transfer", "view": "2d+e", "teacher": "timm2d"},
        TWO,
        VOLUME,
        "reads axial slices and its teacher sag",
    ),
    ({"loss": "attention_transfer", "student_params": TOKENS}, TWO, VOLUME, "network of timm2d has no map: it ends"),
    ({"loss": "attention_transfer", "teacher": "linear"}, TWO, VOLUME, "linear has no network"),
]


@pytest.mark.parametrize(("params", "task", "shape", "reason"), REFUSED)
def test_what_cannot_be_done_is_refused_with_its_reason(params, task, shape, reason):
    assert reason in make("methods", "distil", params).refuses(task, shape)


@pytest.mark.parametrize("loss", _distil_registry.LOSSES)
def test_a_loss_does_some_task_and_refuses_the_rest(loss):
    method = make("methods", "distil", {"loss": loss, **(SEGMENTS if loss == "paced_curriculum" else {})})
    found = [method.refuses(task, VOLUME) is None for task in (THREE, AGE, MASK)]
    assert found == [
        kind in _distil_registry.LOSSES[loss].kinds for kind in ("classification", "regression", MASK.kind)
    ]
    assert loss in _distil_losses.TERMS


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"teacher": "monai3"}, "did you mean 'monai3d'"),
        ({"student": "tim2d"}, "did you mean 'timm2d'"),
        ({"loss": "kdd"}, "loss has no 'kdd'; there are: kd, dkd"),
        ({"student": "distil"}, "distil cannot be the student: it already has a teacher"),
        ({"student": "similarity_graph"}, "choose another method"),
        ({"student": "linear"}, "has no optimiser steps"),
        ({"teacher_weights": "random", "teacher": "linear"}, "no untrained network"),
        ({"teacher_weights": "random", "teacher": "distil"}, "no untrained network"),
        ({"teacher_params": {"network": "resnet11"}}, "did you mean 'resnet1"),
        ({"student_params": {"network": "resnet81"}}, "did you mean 'resnet18'"),
        ({"teacher": "", "teacher_params": {"lr": 1.0}}, "given without a teacher"),
        ({"weight": -1}, "weight must be a number of 0 or more, not -1"),
        ({"weight": "heavy"}, "weight must be a number of 0 or more, not 'heavy'"),
        ({"temperature": 0}, "above 0"),
        ({"lr": 0.1, "student_params": {"lr": 0.2}}, "give it once"),
    ],
)
def test_names_and_numbers_are_checked_before_anything_is_trained(params, message):
    with pytest.raises(BenchError, match=message):
        make("methods", "distil", params).check()


def test_a_teacher_of_other_classes_is_refused():
    method, model, batch = lesson("rkd", THREE)
    other = Outputs(torch.randn(6, 2), torch.randn(6, 7))
    with pytest.raises(ValueError, match=r"have the shapes \(6, 2\) and \(6, 3\)"):
        method.step(model, Batch(batch.x, batch.y, batch.index, THREE, upstream=[other]))


def test_importing_distillation_does_not_load_torch():
    code = "import sys, baselines.distil as one; assert one.METHOD; assert not {'torch', 'timm'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
