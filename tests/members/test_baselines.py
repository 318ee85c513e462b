"""The baselines are what their names say. What every method must keep is in test_contracts."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression, Ridge

from baselines import _graph
from baselines._floors import FLAT
from baselines._xing_network import AttentiveVgg
from bench import registry
from bench.core import NO_CURRICULUM, BenchError, DataSpec, Spec, Task, Trial
from bench.method import Batch, Outputs, label_losses, outputs
from bench.registry import make

TWO = Task("classification", "auc", ("a", "b"))
THREE = Task("classification", "auc", ("a", "b", "c"))
AGE = Task("regression", "mae", unit="years")
MASK = Task("segmentation", "dice", ("background", "vessel"))
FLOORS = ("boosting", "constant", "linear", "nearest_neighbour", "svm")
HYBRIDS = ("fuseme", "slices", "timm3d", "weighted_pooling", "xing2020")
OURS = (*FLOORS, *HYBRIDS, "monai3d", "monaiseg", "sfcn", "similarity_graph", "timm2d", "unet3d", "vgg3d")


@pytest.fixture
def scans():
    """Twenty small volumes whose mean follows their class or number."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1, 2, 1], 5)
    x = rng.normal(size=(20, 1, 5, 6, 4)) + 0.3 * y[:, None, None, None, None]
    return x.astype(np.float32), y


def solved(name, params, task, x, y):
    method = make("methods", name, params)
    torch.manual_seed(0)
    model = method.build(task, x.shape[1:])
    method.solve(model, x, y, task, 0)
    return model(torch.from_numpy(x)).detach().numpy()


def test_constant_predicts_the_frequency_of_each_class(scans):
    x, y = scans
    chances = np.exp(solved("constant", {}, THREE, x, y))
    np.testing.assert_allclose(chances, np.tile([0.25, 0.5, 0.25], (20, 1)), atol=1e-5)


def test_constant_predicts_the_median_number(scans):
    x, _ = scans
    assert (solved("constant", {}, AGE, x, np.arange(20) ** 2 / 7) == np.float32((81 + 100) / 14)).all()


def standardised(x):
    flat = x.reshape(len(x), -1).astype(np.float64)
    deviation = np.maximum(flat.std(0), FLAT * flat.std(0).max())
    return (flat - flat.mean(0)) / deviation / np.sqrt(flat.shape[1])


@pytest.mark.parametrize("classes", [2, 3])
def test_linear_is_the_logistic_regression_of_all_voxels(scans, classes):
    x, y = scans
    y = np.minimum(y, classes - 1)
    task = TWO if classes == 2 else THREE
    logits = solved("linear", {"penalties": [0.5], "grids": [1]}, task, x, y)
    full = LogisticRegression(C=2, tol=1e-8, max_iter=5000).fit(standardised(x), y)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(chances, full.predict_proba(standardised(x)), atol=2e-4)


def test_linear_is_the_ridge_regression_of_all_voxels(scans):
    x, y = scans
    numbers = y + np.linspace(0, 1, 20)
    result = solved("linear", {"penalties": [0.5], "grids": [1]}, AGE, x, numbers)
    full = Ridge(alpha=0.5).fit(standardised(x), numbers)
    np.testing.assert_allclose(result[:, 0], full.predict(standardised(x)), atol=1e-4)


def test_linear_handles_classes_that_the_training_part_lacks(scans):
    x, y = scans
    logits = solved("linear", {}, THREE, x, np.minimum(y, 1))
    assert (logits[:, 2] < logits[:, :2].min(1) - 10).all()
    alone = solved("linear", {}, THREE, x, np.ones(20))
    assert (alone.argmax(1) == 1).all()


def test_linear_is_not_led_by_voxels_that_hardly_vary(scans):
    x, y = scans
    x[:, 0, 0, 0, 0] = 7.0
    plain = solved("linear", {}, AGE, x, y.astype(float))
    x[3, 0, 0, 0, 0] += 1e-4
    np.testing.assert_allclose(solved("linear", {}, AGE, x, y.astype(float)), plain, atol=1e-3)


def test_linear_averages_images_to_32_pixels():
    method = make("methods", "linear")
    assert method.build(TWO, (3, 100, 20)).linear.in_features == 3 * 32 * 20


@pytest.mark.parametrize("name", OURS)
def test_importing_a_method_does_not_load_torch(name):
    heavy = {"torch", "timm", "monai", "sklearn", "scipy", "pandas", "ray"}
    code = f"import sys, baselines.{name} as one; assert one.METHOD; print({heavy!r} & set(sys.modules) or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "light", done.stderr


@pytest.mark.parametrize("name", sorted(set(OURS) - {"constant", "monaiseg", "unet3d"}))
def test_classifiers_do_not_claim_to_draw_masks(name):
    assert "not a mask" in make("methods", name).refuses(MASK, (1, 32, 32, 32))


def test_three_dimensional_methods_refuse_images():
    assert "volumes" in make("methods", "monai3d").refuses(TWO, (3, 64, 64))
    reason = make("methods", "similarity_graph").refuses(TWO, (3, 64, 64))
    assert reason == "its teacher monai3d does not support this: it reads volumes, but this data set has images"
    assert make("methods", "timm2d", {"view": "volume"}).refuses(TWO, (1, 9, 9, 9)).startswith("it reads 2D scans")
    for name in ("timm2d", "xing2020", "linear", "constant"):
        assert make("methods", name).refuses(TWO, (3, 64, 64)) is None


@pytest.mark.parametrize(
    ("network", "shape"),
    [("vit_tiny_patch16_224", (1, 50, 40)), ("convnext_atto", (3, 40, 36)), ("resnet10t.c3_in1k", (9, 32, 32))],
)
def test_timm2d_fits_a_network_to_the_images(network, shape):
    method = make("methods", "timm2d", {"network": network})
    method.check()
    result = outputs(method.build(THREE, shape).eval(), torch.randn(2, *shape))
    assert result.logits.shape == (2, 3)
    assert result.features.shape[0] == 2


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("DenseNet121", None),
        ("resnet10", {"shortcut_type": "A"}),
        ("EfficientNetBN", {"model_name": "efficientnet-b0"}),
        ("ViT", {"patch_size": 8, "hidden_size": 12, "mlp_dim": 8, "num_layers": 1, "num_heads": 2}),
    ],
)
def test_monai3d_finds_what_a_network_calls_its_classes(network, options):
    method = make("methods", "monai3d", {"network": network, "options": json.dumps(options or {})})
    method.check()
    for task in (THREE, AGE):
        result = outputs(method.build(task, (2, 32, 32, 32)).eval(), torch.randn(2, 2, 32, 32, 32))
        assert result.logits.shape == (2, task.outputs)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("timm2d", {"network": "resnet81"}, "did you mean 'resnet18'"),
        ("timm2d", {"network": "hf-hub:somebody/something"}, "timm has no network"),
        ("timm2d", {"options": {"pretrained": True}}, "options must not contain 'pretrained'"),
        ("timm2d", {"options": {"depht": 3}}, "resnet18 does not take"),
        ("timm2d", {"weights": "w.pth"}, "safetensors file, not w.pth"),
        ("timm2d", {"weights": "gone.safetensors"}, "no file"),
        ("xing2020", {"weights": "w.bin"}, "safetensors file, not w.bin"),
        ("monai3d", {"network": "DenseNet122"}, "did you mean 'DenseNet121'"),
        ("monai3d", {"network": "UNet"}, "MONAI has no classifier"),
        ("monai3d", {"network": "EfficientNetBN"}, "model_name"),
        ("similarity_graph", {"network": "resnet81"}, "did you mean 'resnet18'"),
        ("similarity_graph", {"teacher": "monai3"}, "did you mean 'monai3d'"),
        ("similarity_graph", {"teacher_params": {"network": "resnet11"}}, "did you mean 'resnet1"),
    ],
)
def test_names_are_checked_before_anything_is_trained(name, params, message):
    with pytest.raises(BenchError, match=message):
        make("methods", name, params).check()


def test_weights_are_taken_from_a_file_whose_checksum_is_known(tmp_path):
    method = make("methods", "timm2d", {"network": "resnet10t"})
    torch.manual_seed(0)
    source = method.build(THREE, (3, 32, 32))
    path = tmp_path / "start.safetensors"
    save_file(source.state_dict(), path)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(BenchError, match=f"is {checksum}; give it as checksum"):
        make("methods", "timm2d", {"weights": str(path)}).check()
    with pytest.raises(BenchError, match="not checksum=00"):
        make("methods", "timm2d", {"weights": str(path), "checksum": "00"}).check()
    given = {"network": "resnet10t", "weights": str(path), "checksum": checksum}
    started = make("methods", "timm2d", given).build(THREE, (3, 32, 32))
    torch.testing.assert_close(started.layer1[0].conv1.weight, source.layer1[0].conv1.weight)


def test_xing_starts_from_the_features_of_a_vgg11(tmp_path):
    params = {"network": "vgg11", "options": {"mlp_ratio": 0.01}}
    vgg = make("methods", "timm2d", params).build(TWO, (3, 32, 32))
    stored = {name: value for name, value in vgg.state_dict().items() if name.startswith("features")}
    path = tmp_path / "vgg11.safetensors"
    save_file(stored, path)
    given = {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
    model = make("methods", "xing2020", given).build(TWO, (3, 110, 110))
    x = torch.randn(1, 3, 110, 110)
    torch.testing.assert_close(model.features(x), vgg.features[:19](x))
    assert model.features(x).shape == (1, 512, 6, 6)
    method = make("methods", "xing2020", given)
    method.check()
    with pytest.raises(BenchError, match="VGG11 for images of 1 channels"):
        method.build(TWO, (1, 110, 110))
    assert method.refuses(TWO, (1, 110, 110, 110)) is None  # three copies of one channel
    assert "for images of 3 channels, not of 6" in method.refuses(TWO, (2, 110, 110, 110))


def test_the_attention_of_xing_weighs_all_positions_together():
    torch.manual_seed(0)
    model = AttentiveVgg(1, 2, (64, 32), 0.5)
    weights = model.weigh(torch.randn(3, 512, 4, 5))
    assert weights.shape == (3, 1, 4, 5)
    torch.testing.assert_close(weights.mean((1, 2, 3)), torch.ones(3))
    assert not torch.allclose(weights.sum(2), weights.sum(2).mean())  # over the height alone, every column would agree


def test_dropout_is_off_when_xing_is_evaluated():
    model = AttentiveVgg(1, 2, (64, 32), 0.5).eval()
    x = torch.randn(2, 1, 40, 40)
    torch.testing.assert_close(model(x), model(x), rtol=0, atol=0)


def test_graphs_are_cosines():
    features = torch.tensor([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    half = 2**-0.5
    torch.testing.assert_close(_graph.graph(features), torch.tensor([[1, 0, half], [0, 1, half], [half, half, 1]]))
    torch.testing.assert_close(_graph.spread(features), torch.tensor(4 * 0.5 / 9))
    same = torch.ones(4, 3)
    torch.testing.assert_close(_graph.graph(same), torch.ones(4, 4))
    torch.testing.assert_close(_graph.distance(same, torch.eye(4)), torch.tensor(12 / 16))


@pytest.mark.parametrize("task", [TWO, AGE], ids=["classes", "numbers"])
def test_the_student_adds_the_distances_of_the_graphs_to_its_label_loss(task):
    torch.manual_seed(0)
    method = make("methods", "similarity_graph", {"network": "resnet10t", "kd": 2.0})
    model = method.build(task, (1, 32, 32)).eval()
    x, teacher = torch.randn(3, 1, 32, 32), Outputs(torch.randn(3, task.outputs), torch.randn(3, 7))
    y = torch.tensor([0, 1, 0]) if task is TWO else torch.randn(3)
    batch = Batch(x, y, torch.arange(3), task, upstream=(teacher,))
    student = outputs(model, x)
    expected = label_losses(student.logits, batch) + _graph.spread(student.features)
    expected = expected + 2 * _graph.distance(student.features, teacher.features)
    if task is TWO:
        answers = [(one.logits / 5).log_softmax(1) for one in (student, teacher)]
        expected = expected + 2 * _graph.distance(*answers)
    torch.testing.assert_close(method.step(model, batch), expected)
    bare = {"network": "resnet10t", "feature_graph": False, "logit_graph": False, "metric": False}
    torch.testing.assert_close(
        make("methods", "similarity_graph", bare).step(model, batch), label_losses(student.logits, batch)
    )


def test_the_teacher_is_the_trial_of_an_ordinary_arm():
    params = {"network": "resnet10"}
    data, blur = DataSpec("any", fingerprint="f"), Spec("blur", 1, {"sigma": 1.0})
    student = registry.spec("methods", "similarity_graph", {"teacher_params": params})
    trial = Trial(data, student, curriculum=blur, fold=2, seed=1)
    (teacher,) = make("methods", "similarity_graph", student.params).upstream(trial)
    arm = Trial(data, registry.spec("methods", "monai3d", params), curriculum=NO_CURRICULUM, fold=2, seed=1)
    assert teacher.key == arm.key


@pytest.mark.parametrize(
    ("params", "options"),
    [
        ({"options": '{"drop_rate": 0.2}'}, {"drop_rate": 0.2}),
        ({"options.drop_rate": "0.2", "options.act_layer": "gelu"}, {"drop_rate": 0.2, "act_layer": "gelu"}),
        ({"options": {"drop_rate": 0.2}}, {"drop_rate": 0.2}),
        ({"options": "none"}, None),
    ],
)
def test_options_are_json_or_parts(params, options):
    assert make("methods", "timm2d", params).options == options


def test_a_text_has_no_parts():
    with pytest.raises(BenchError, match="network is 'resnet18', which has no parameters of its own"):
        make("methods", "timm2d", {"network.depth": "3"})
