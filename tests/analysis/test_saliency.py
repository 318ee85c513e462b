"""Saliency of all kinds of networks against captum, closed forms and a network whose truth is known; back to the scan;
what is left of it when layers get random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam, Occlusion
from torch import nn

from bench import registry
from bench.analysis.explain.localisation import bootstrap_interval, dice_and_iou, pointing_score
from bench.analysis.explain.nifti_maps import project_back
from bench.analysis.explain.randomisation import layer_groups, randomise_layers
from bench.analysis.explain.saliency import ExplainedOutput, integrated_gradients, saliency
from bench.analysis.explain.saliency_maps import SaliencyConfig, explain
from bench.core import BenchError, Recipe, Split, Task, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training.trained_model import load
from bench.views import Entropy, Max, Mean, Orthogonal, Slab, Slice, Volume
from bench.views.jacobian import backproject_view, input_voxels
from bench.views.projections import slice_entropies

TWO = Task("classification", "auc", ("a", "b"))
AGE = Task("regression", "mae")
MM = (1.0, 1.0, 1.0)


def small(axes: int) -> nn.Sequential:
    """Two convolutions, a mean and a linear layer, of images or volumes."""
    torch.manual_seed(0)
    conv, pool = (nn.Conv2d, nn.AdaptiveAvgPool2d) if axes == 2 else (nn.Conv3d, nn.AdaptiveAvgPool3d)
    layers = (conv(1, 3, 3, padding=1), nn.ReLU(), conv(3, 4, 3, stride=2), nn.ReLU(), pool(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(4, 2)).eval()


@pytest.mark.parametrize("axes", [2, 3])
def test_grad_cam_is_that_of_captum(axes):
    model, x = small(axes), torch.randn(3, 1, *[9] * axes)
    target = model(x).argmax(1)
    expected = LayerGradCam(model, model[2]).attribute(x, target, relu_attributions=True)
    mode = "bilinear" if axes == 2 else "trilinear"
    expected = LayerAttribution.interpolate(expected, tuple(x.shape[2:]), mode).detach()
    np.testing.assert_allclose(saliency(model, x, TWO, "grad_cam"), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("axes", [2, 3])
def test_occlusion_is_that_of_captum(axes):
    model, x = small(axes), torch.randn(2, 1, *[9] * axes)
    strides = (1,) * (axes + 1) if axes == 2 else (1, 2, 2, 2)
    expected = Occlusion(model).attribute(x, (1, *[2] * axes), strides, 0, model(x).argmax(1))
    np.testing.assert_allclose(
        saliency(model, x, TWO, "occlusion"), expected.abs().detach().numpy(), rtol=1e-4, atol=1e-6
    )


def test_integrated_gradients_sum_to_what_the_answer_gained():
    model, x = small(2), torch.randn(4, 1, 9, 9)
    explained, target = ExplainedOutput(model, TWO), model(x).argmax(1)
    found = integrated_gradients(explained, x.clone().requires_grad_(), target, 400).flatten(1).sum(1)
    gained = (model(x) - model(torch.zeros_like(x))).gather(1, target[:, None])[:, 0]
    torch.testing.assert_close(found, gained.detach().to(found.dtype), atol=2e-3, rtol=2e-3)


class Corner(nn.Module):
    """It looks at one corner of a volume, and nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv3d(1, 1, 1, bias=False)
        nn.init.ones_(self.look.weight)

    def forward(self, x):
        return torch.tanh(self.look(x)[:, :, :4, :4, :4].mean((2, 3, 4)))


@pytest.mark.parametrize("by", ["gradient", "integrated_gradients", "occlusion"])
def test_a_network_that_looks_at_a_corner_is_found_out(by):
    x = 1 + torch.rand(2, 1, 16, 16, 16)
    found = saliency(Corner(), x, AGE, by)
    corner = np.zeros((16, 16, 16), bool)
    corner[:4, :4, :4] = True
    assert all(each[0][corner].min() > 0 for each in found)
    assert all(each[0][~corner].max() == 0 for each in found)
    assert dice_and_iou(found[0, 0], corner, np.ones_like(corner)) == (1, 1)


class Sliced(nn.Module):
    """Some slices of a volume through one network of images, the last one only counts."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.net.weight)

    def forward(self, x):
        slices = torch.stack([x.select(4, at) for at in (1, 3, 6)], 1)
        return self.net(slices.flatten(0, 1)).mean((1, 2, 3)).unflatten(0, (len(x), 3))[:, 2:]


def test_grad_cam_of_slices_is_at_the_position_of_the_slices():
    found = saliency(Sliced(), 1 + torch.rand(2, 1, 5, 6, 8), AGE, "grad_cam")
    assert found[..., 6].min() > 0
    assert found[..., [0, 1, 2, 3, 4, 5, 7]].max() == 0


def test_what_has_no_derivative_can_be_occluded():
    class Rounded(nn.Module):
        def forward(self, x):
            return x.detach()[:, :, 2:4].flatten(1).mean(1, keepdim=True).round(decimals=3)

    x = torch.full((1, 1, 8, 8), 0.9)
    with pytest.raises(BenchError, match=r"no derivative .*--by occlusion"):
        saliency(Rounded(), x, AGE)
    found = saliency(Rounded(), x, AGE, "occlusion")
    assert found[0, 0, 2:4].min() > 0
    assert found[0, 0, 4:].max() == 0


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
def test_every_projection_is_projected_back_to_its_voxels(plane):
    rng, axis = np.random.default_rng(0), {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    x = rng.random((1, 5, 6, 7)).astype(np.float32)
    flat = rng.random((1, *(size for at, size in enumerate((5, 6, 7)) if at != axis)))
    lifted = np.expand_dims(flat[0], axis)

    def back(view, by="weights"):
        return backproject_view(view, flat, x, MM, by)

    slices = (5, 6, 7)[axis]
    middle = np.take(back(Slice(plane)), slices // 2, axis)
    np.testing.assert_allclose(middle, flat[0], rtol=1e-5)
    assert back(Slice(plane)).sum() == pytest.approx(flat.sum(), rel=1e-5)
    np.testing.assert_allclose(back(Mean(plane)), np.repeat(lifted / slices, slices, axis), rtol=1e-5)
    highest = x[0] == x[0].max(axis, keepdims=True)
    np.testing.assert_allclose(back(Max(plane)), highest * lifted, rtol=1e-5)
    np.testing.assert_allclose(back(Max(plane), "contribution"), highest * lifted * x[0], rtol=1e-5)
    entropies = slice_entropies(torch.from_numpy(x[0]), axis).numpy()
    shares = (entropies / (entropies.sum() + 1e-5)).reshape([-1 if at == axis else 1 for at in range(3)])
    np.testing.assert_allclose(back(Entropy(plane)), shares * lifted, rtol=1e-4)


def test_slabs_planes_and_coarse_voxels_are_carried_back():
    x = np.random.default_rng(1).random((1, 6, 6, 6)).astype(np.float32)
    three = np.stack([np.full((6, 6), value) for value in (1.0, 2.0, 4.0)])
    found = backproject_view(Slab("axial"), three, x, MM)
    assert [float(found[0, 0, at]) for at in range(6)] == [0, 0, 1, 2, 4, 0]
    found = backproject_view(Orthogonal(), np.ones((3, 6, 6)), x, MM)
    assert (found[3, 3, 3], found[3, 3, 0], found[0, 3, 3], found[0, 0, 0]) == (3, 2, 2, 0)
    assert input_voxels(Orthogonal(), (1, 6, 6, 6), MM).sum() == 36 + 30 + 25
    coarse = np.arange(27.0).reshape(1, 3, 3, 3)
    found = backproject_view(Volume(2.0), coarse, x, MM)
    np.testing.assert_allclose(found, np.kron(coarse[0], np.ones((2, 2, 2))) / 8, rtol=1e-5)
    odd, view = np.ones((1, 47, 58, 49), np.float32), Volume(5.5)  # voxels on a border count for both
    even = backproject_view(view, np.ones(view.shape(odd.shape, (4.0,) * 3)), odd, (4.0,) * 3)
    assert even.min() == even.max() > 0
    image = view(torch.from_numpy(odd)[None].requires_grad_(), (4.0,) * 3)
    assert even.sum() == pytest.approx(image.numel())
    assert input_voxels(Max(), (1, 6, 6, 6), MM).all()
    assert project_back(registry.make("methods", "timm2d", {"view": "max"}).view, np.ones((1, 6, 6)), x, MM).sum() == 36
    with pytest.raises(ValueError, match="does not fit"):
        backproject_view(Mean(), np.ones((1, 2, 2)), x, MM)


def test_scores_at_the_size_of_the_truth_are_chance_for_a_constant_map():
    truth, inside = np.zeros(100, bool), np.ones(100, bool)
    truth[:20] = True
    even = np.ones(100)
    assert pointing_score(even, truth, inside) == pytest.approx(0.2)
    assert dice_and_iou(even, truth, inside) == (pytest.approx(0.2), pytest.approx(1 / 9))
    half = np.where(np.arange(100) < 10, 2.0, np.where(np.arange(100) >= 90, 2.0, 0.0))
    assert dice_and_iou(half, truth, inside) == (pytest.approx(0.5), pytest.approx(1 / 3))
    assert pointing_score(half, truth, inside) == 0.5
    assert np.isnan(dice_and_iou(even, inside, inside)).all()


def test_people_are_not_torn_apart():
    values, people = np.repeat([0.1, 0.9, 0.5, 0.3], 5), np.repeat(list("abcd"), 5)
    _, low, high = bootstrap_interval(values)
    _, wide_low, wide_high = bootstrap_interval(values, people)
    assert wide_high - wide_low > 1.5 * (high - low)  # sqrt(5) in theory


def test_maps_of_a_reinitialised_network_differ_and_maps_of_the_scan_alone_do_not():
    model, fresh, x = small(2), small(2), torch.randn(3, 1, 9, 9)
    for module in fresh.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    assert [names[0] for names in layer_groups(model)] == ["6", "2", "0"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = randomise_layers(model, fresh, lambda network: list(saliency(network, x, TWO)))
    assert [row.layer for row in rows] == ["6", "2", "0"]
    assert rows[0].cascading == pytest.approx(rows[0].independent)
    assert rows[2].cascading < 0.9
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    constant = randomise_layers(model, fresh, lambda network: list(x.numpy()))  # a map of the scan itself
    assert [row.cascading for row in constant] == pytest.approx([1, 1, 1]) == [row.independent for row in constant]
    assert np.isnan(randomise_layers(model, fresh, lambda network: [np.ones((3, 3))])[0].cascading)


def test_grad_cam_takes_the_last_map_that_has_more_than_one_position():
    model = nn.Sequential(small(2)[:4], nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Flatten(), nn.Linear(4, 2))
    x = torch.randn(2, 1, 9, 9)
    found = saliency(model.eval(), x, TWO, "grad_cam")
    np.testing.assert_array_equal(found, saliency(model, x, TWO, "grad_cam", "0.2"))
    with pytest.raises(BenchError, match="more than one position"):
        saliency(model, x, TWO, "grad_cam", "2")


KINDS = {  # label -> data set, method, parameters: 2D, 2D + e, 3D, ACS, attention over slices, images
    "2d": ("tiny_volumes", "timm2d", {"view": "max"}),
    "2d+e": ("tiny_volumes", "timm2d", {"view": "2d+e"}),
    "3d": ("tiny_volumes", "sfcn", {}),
    "acs": ("tiny_volumes", "timm3d", {}),
    "slices": ("tiny_volumes", "slices", {"slices": 4}),
    "images": ("tiny_images", "timm2d", {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network_has_maps_of_its_scans(kind, plugins, tmp_path):
    import nibabel as nib

    name, method, params = KINDS[kind]
    made, store = prepare(name), Store(tmp_path / "results")
    spec = registry.spec("methods", method, params)
    trial = Trial(made.spec, spec, Split(folds=2), recipe=Recipe(steps=1, batch_size=4, points=1))
    record = run_trial.run(trial, store, keep=True)
    if record.status == "refused":
        pytest.skip(record.error["message"])
    assert record.status == "done", record.error
    loaded = load(store, trial.key)
    for by in ("gradient", "grad_cam", "occlusion"):
        entry, text = explain(loaded, tmp_path / by, 2, SaliencyConfig(by), 0, by == "gradient")
        assert (text[0].label == "mean of 2") == (kind != "images") == (tmp_path / by / "mean-map.nii.gz").is_file()
        image = nib.load(tmp_path / by / "scan-000.nii.gz")
        assert image.shape == (tuple(made.shape[1:]) if len(made.shape) == 4 else (*made.shape[1:], 1))
        assert text[0].map.shape == image.shape
        assert "not known" in entry["note"]  # these tiny sets do not say where their signal is
        assert (len(entry["layers drawn anew"]) > 1) == (by == "gradient")


def test_smoothgrad_of_a_linear_network_is_its_gradient_and_of_a_kink_a_mean():
    torch.manual_seed(0)
    linear, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), torch.randn(3, 1, 3, 4)
    task = Task("regression", "mae")
    np.testing.assert_allclose(saliency(linear, x, task, "smoothgrad"), saliency(linear, x, task), rtol=1e-5)
    kink = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(2, 1, bias=False))
    nn.init.ones_(kink[2].weight)
    found = saliency(kink, torch.tensor([[[0.0, 10.0]]]), task, "smoothgrad")[0, 0]
    assert 0.2 < found[0] < 0.8  # half of the copies lie on each side of the kink
    assert found[1] == pytest.approx(1.0)
    state = torch.get_rng_state()
    np.testing.assert_array_equal(saliency(kink, torch.tensor([[[0.0, 10.0]]]), task, "smoothgrad")[0, 0], found)
    torch.testing.assert_close(torch.get_rng_state(), state)
