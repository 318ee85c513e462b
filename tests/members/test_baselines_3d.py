"""Networks of volumes: what they are made of, which sizes they read, what they are taught."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from monai.networks import nets
from scipy.stats import norm

from baselines._input_sizes import cropped, padded
from baselines._nnunet_plan import planned
from baselines._segment import patches
from baselines._sfcn import divergence, scored, soft_labels
from bench import registry
from bench.core import BenchError, Recipe, Task, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.method import Batch
from bench.registry import make
from bench.storage.record_store import Store

TWO = Task("classification", "auc", ("a", "b"))
AGE = Task("regression", "mae", unit="years")
MASK = Task("segmentation", "dice", ("background", "vessel"))
VIT = {"patch_size": 8, "hidden_size": 24, "mlp_dim": 16, "num_layers": 1, "num_heads": 2}
ONES = {
    "DenseNet121": (lambda: nets.DenseNet121(spatial_dims=3, in_channels=1, out_channels=2), {}),
    "resnet18": (lambda: nets.resnet18(spatial_dims=3, n_input_channels=1, num_classes=2), {}),
    "SEResNet50": (lambda: nets.SEResNet50(spatial_dims=3, in_channels=1, num_classes=2), {}),
    "EfficientNetBN": (
        lambda: nets.EfficientNetBN("efficientnet-b0", pretrained=False, spatial_dims=3, in_channels=1, num_classes=2),
        {"model_name": "efficientnet-b0"},
    ),
    "ViT": (lambda: nets.ViT(1, (32, 40, 32), classification=True, post_activation="", num_classes=2, **VIT), VIT),
}


def count(model):
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("network", ONES)
def test_a_network_of_monai_is_monais_own(network):
    own, options = ONES[network]
    shape = (1, 32, 40, 32)
    torch.manual_seed(0)
    theirs = own().eval()
    torch.manual_seed(0)
    ours = make("methods", "monai3d", {"network": network, "options": options}).build(TWO, shape).eval()
    assert count(ours) == count(theirs)
    x = torch.randn(2, *shape)
    with torch.no_grad():
        answer = theirs(x)
        torch.testing.assert_close(ours(x), answer[0] if isinstance(answer, tuple) else answer, rtol=0, atol=0)


@pytest.mark.parametrize("network", ["resnet10", "ViT"])
@pytest.mark.parametrize("sizes", [(8, 8, 8), (17, 19, 23), (9, 30, 11)])
def test_small_and_odd_volumes_are_read_by_every_weight(network, sizes):
    method = make(
        "methods", "monai3d", {"network": network, "options": ONES.get(network, (0, {}))[1], "view": "volume"}
    )
    assert method.refuses(TWO, (1, *sizes)) is None
    model = method.build(TWO, (1, *sizes)).train()
    method.step(model, Batch(torch.randn(2, 1, *sizes), torch.tensor([0, 1]), torch.arange(2), TWO)).sum().backward()
    idle = [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert not idle
    resting = {
        name.rpartition(".")[0].rpartition(".")[2] for name, one in model.named_parameters() if not one.requires_grad
    }
    assert resting <= {"norm_cross_attn"}  # MONAI makes these norms and never reads them


@pytest.mark.parametrize(
    ("network", "options", "sizes", "says"),
    [
        ("DenseNet121", {}, (8, 8, 8), "cannot read volumes of 8 x 8 x 8"),
        ("EfficientNetBN", {"model_name": "efficientnet-b0"}, (8, 9, 8), "cannot read volumes of 8 x 9 x 8"),
        ("ViT", VIT, (5, 30, 30), "reads patches of 8 x 8 x 8, and volumes of 5 x 30 x 30 hold none"),
    ],
)
def test_sizes_that_cannot_fit_are_refused_before_training(network, options, sizes, says):
    params = {"network": network, "options": options}
    assert says in make("methods", "monai3d", {**params, "view": "volume"}).refuses(TWO, (1, *sizes))
    with pytest.raises(BenchError, match=says):  # where the view asks for the spacing, when it is built
        make("methods", "monai3d", params).build(TWO, (1, *sizes))


def test_padding_repeats_the_border_and_is_undone():
    x = torch.arange(24.0).reshape(1, 1, 2, 3, 4)
    wide = padded(x, (5, 3, 8))
    assert wide.shape == (1, 1, 5, 3, 8)
    assert set(wide.unique().tolist()) == set(x.unique().tolist())
    torch.testing.assert_close(cropped(wide, (2, 3, 4)), x)


def test_sfcn_is_as_large_as_published():
    """Peng et al.: three million parameters, 40 bins; counted layer by layer from their table."""
    model = make("methods", "sfcn").build(AGE, (1, 160, 192, 160))
    widths, expected = (1, 32, 64, 128, 256, 256), 256 * 64 + 64 + 2 * 64 + 64 * 40 + 40
    for inputs, outputs in pairwise(widths):
        expected += 27 * inputs * outputs + outputs + 2 * outputs
    assert count(model) == expected == 2_952_936


def test_a_soft_label_is_a_normal_distribution_in_bins_and_loses_no_mass():
    centres = torch.linspace(-2.925, 2.925, 40)
    y = torch.tensor([0.0, 1.23, 2.9, -7.0])
    labels = soft_labels(y, centres, 1.0)
    torch.testing.assert_close(labels.sum(1), torch.ones(4))
    width = 0.15
    expected = norm.cdf(centres + width / 2, 1.23, width) - norm.cdf(centres - width / 2, 1.23, width)
    torch.testing.assert_close(labels[1].double()[1:-1], torch.as_tensor(expected)[1:-1], atol=1e-5, rtol=0)
    assert labels[3].argmax() == 0
    means = labels @ centres
    torch.testing.assert_close(means[:2], y[:2], atol=2e-3, rtol=0)


def test_the_divergence_from_bins_is_the_closed_form_and_nothing_where_they_agree():
    labels = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    scores = torch.tensor([[0.0, 0.0], [3.0, 3.0]])
    expected = 0.2 * torch.log(torch.tensor(0.4)) + 0.8 * torch.log(torch.tensor(1.6))
    torch.testing.assert_close(divergence(scores, labels), torch.stack([expected, torch.tensor(0.0)]))


def test_sfcn_answers_with_the_mean_of_its_bins():
    torch.manual_seed(0)
    model = make("methods", "sfcn", {"channels": (4, 8)}).build(AGE, (1, 9, 7, 8)).eval()
    x = torch.randn(3, 1, 9, 7, 8)
    scores = scored(model, x)
    assert scores.shape == (3, 40)
    torch.testing.assert_close(model(x)[:, 0], (scores.softmax(1) * model.centres).sum(1))
    assert make("methods", "sfcn", {"loss": "l1"}).build(AGE, (1, 9, 7, 8)).classifier.out_channels == 1
    assert make("methods", "sfcn").build(TWO, (1, 9, 7, 8)).classifier.out_channels == 2


def test_vgg_has_the_requested_layers():
    model = make("methods", "vgg3d").build(TWO, (1, 36, 40, 36))
    widths = [(1, 8), (8, 8), (8, 16), (16, 16), (16, 32), *[(32, 32)] * 2, (32, 64), *[(64, 64)] * 2]
    dense = 64 * 128 + 128 + 128 * 64 + 64 + 64 * 2 + 2
    assert count(model) == sum(27 * a * b + 2 * b for a, b in widths) + dense
    assert model(torch.randn(2, 1, 36, 40, 36)).shape == (2, 2)


@pytest.mark.parametrize(
    ("spacing", "sizes", "halvings", "flat"),
    [
        ((1.0, 1.0, 1.0), (128, 128, 128), (5, 5, 5), 0),  # BraTS, as published
        ((1.0, 1.0, 1.0), (40, 56, 40), (3, 3, 3), 0),  # hippocampus, as published
        ((1.37, 1.25, 1.25), (80, 192, 160), (4, 5, 5), 0),  # heart, as published
        ((3.6, 0.62, 0.62), (20, 320, 256), (2, 6, 6), 2),  # prostate, as published
        ((1.0, 1.0, 1.0), (7, 7, 7), (0, 0, 0), 0),
        ((1.0, 1.0, 1.0), (4, 4, 11), (0, 0, 0), 0),  # an axis alone needs three times the least
        ((1.0, 1.0, 1.0), (4, 4, 12), (0, 0, 1), 0),
    ],
)
def test_a_unet_is_planned_as_nnunet_does(spacing, sizes, halvings, flat):
    plan = planned(spacing, sizes)
    assert tuple(sum(stride[axis] == 2 for stride in plan.strides) for axis in range(3)) == halvings
    assert plan.divisors == tuple(2**many for many in halvings)
    assert plan.strides[0] == (1, 1, 1)
    assert sum(kernel == (1, 3, 3) for kernel in plan.kernels) == flat
    assert plan.kernels[-1] == (3, 3, 3)
    assert len(plan.kernels) == len(plan.strides) == len(plan.filters)
    assert list(plan.filters[:5]) == [32, 64, 128, 256, 320][: len(plan.filters)]


def test_the_plan_of_the_prostate_is_the_published_one():
    plan = planned((3.6, 0.62, 0.62), (20, 320, 256))
    assert plan.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
    assert plan.kernels == ((1, 3, 3), (1, 3, 3), *[(3, 3, 3)] * 5)


def test_the_plan_is_monais_network():
    plan = planned((1.0, 1.0, 1.0), (16, 16, 16), 8)
    torch.manual_seed(0)
    theirs = nets.DynUNet(3, 1, 2, plan.kernels, plan.strides, plan.strides[1:], filters=plan.filters).eval()
    torch.manual_seed(0)
    ours = make("methods", "monaiseg", {"network": "DynUNet", "width": 8}).build(MASK, (1, 16, 16, 16)).eval()
    x = torch.randn(1, 1, 16, 16, 16)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    assert count(ours) == count(theirs)


def test_a_patch_larger_than_the_scan_is_reported_at_its_real_size():
    method = make("methods", "monaiseg", {"patch": (16, 99, 12)})
    assert (
        method.note((1, 20, 40, 20))
        == "patches of 16 x 99 x 12 are larger than the scans and are reduced to 16 x 40 x 12"
    )
    assert method.note((1, 20, 120, 20)) == ""


@pytest.mark.parametrize(("network", "sizes"), [("SegResNet", (13, 17, 10)), ("DynUNet", (17, 20, 19))])
@pytest.mark.parametrize("patch", [(0, 0, 0), (16, 99, 12)])
def test_masks_are_answered_on_the_grid_by_windows_no_larger_than_the_scan(network, sizes, patch):
    method = make("methods", "monaiseg", {"network": network, "patch": patch, "width": 8})
    assert method.refuses(MASK, (2, *sizes)) is None
    model = method.build(MASK, (2, *sizes)).eval()
    wanted = tuple(min(size, one or size) for size, one in zip(sizes, patch, strict=True))
    assert model.window == wanted
    assert model(torch.randn(1, 2, *sizes)).shape == (1, 2, *sizes)


def test_swin_unetr_is_monais_and_refuses_what_leaves_one_voxel():
    method = make("methods", "monaiseg", {"network": "SwinUNETR", "width": 12})
    torch.manual_seed(0)
    theirs = nets.SwinUNETR(1, 2, feature_size=12)
    assert count(method.build(MASK, (1, 40, 33, 20))) == count(theirs)
    assert "cannot read patches of 32 x 32 x 32" in method.refuses(MASK, (1, 20, 20, 20))


def test_patches_are_centred_on_structures_at_the_requested_rate():
    torch.manual_seed(0)
    y = torch.zeros(1, 20, 20, 20, dtype=torch.long)
    y[0, 10, 10, 10], y[0, 0, 0, 0] = 1, 2  # a voxel each
    x = torch.arange(8000.0).reshape(1, 1, 20, 20, 20)
    observed = []
    for _ in range(60):
        scan, mask = patches(x, y, (5, 6, 20), 1.0)
        assert scan.shape == (1, 1, 5, 6, 20)
        assert mask.shape == (1, 5, 6, 20)
        assert mask.max() > 0
        first = int(scan[0, 0, 0, 0, 0])
        torch.testing.assert_close(mask[0], y[0, first // 400 :, first // 20 % 20 :][:5, :6])
        observed.append(int(mask.max()))
    assert {1, 2} == set(observed)
    empty = [int(patches(x, y, (5, 6, 6), 0.0)[1].max()) for _ in range(60)]
    assert 0 in empty
    assert patches(x, torch.zeros_like(y), (5, 6, 6), 1.0)[1].max() == 0  # no structure: any patch


def test_a_step_on_patches_sees_no_more_than_the_patch():
    method = make("methods", "monaiseg", {"patch": (8, 8, 8)})
    model, sizes = method.build(MASK, (1, 16, 16, 16)).train(), []
    model.network.register_forward_pre_hook(lambda _, read: sizes.append(tuple(read[0].shape[2:])))
    x = torch.randn(2, 1, 16, 16, 16)
    losses = method.step(model, Batch(x, (x[:, 0] > 1).long(), torch.arange(2), MASK))
    assert losses.shape == (2,)
    assert sizes == [(8, 8, 8)]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("monaiseg", {"network": "SwinUNTR"}, "did you mean 'SwinUNETR'"),
        ("monaiseg", {"options": {"depht": 3}}, "does not take options"),
        ("monaiseg", {"patch": (4, 4)}, "three numbers of voxels"),
        ("monaiseg", {"spacing": (1.0, 0.0, 1.0)}, "three numbers of mm above 0"),
        ("sfcn", {"bins": 1}, "bins must be 2 or more"),
        ("vgg3d", {"convolutions": ()}, "must be 1 or more"),
    ],
)
def test_bad_parameters_are_refused_before_training(name, params, message):
    with pytest.raises(BenchError, match=message):
        make("methods", name, params).check()


def test_networks_that_segment_say_so():
    method = make("methods", "monaiseg")
    assert "predicts a mask" in method.refuses(TWO, (1, 32, 32, 32))
    assert "volumes" in method.refuses(MASK, (3, 64, 64))
    assert "leaves no room" in make("methods", "monaiseg", {"network": "DynUNet"}).refuses(MASK, (1, 8, 8, 8))


def test_dynunet_is_planned_for_the_spacing_of_the_scans():
    method = make("methods", "monaiseg", {"network": "DynUNet", "width": 8})
    thick = method.bind_spacing((3.6, 0.62, 0.62))
    assert thick.spacing == (3.6, 0.62, 0.62)
    kernels = [
        tuple(one.network.input_block.conv1.conv.kernel_size)
        for one in (each.build(MASK, (1, 16, 32, 32)) for each in (method, thick))
    ]
    assert kernels == [(3, 3, 3), (1, 3, 3)]
    values = make("methods", "monaiseg", {"network": "DynUNet", "spacing": (1.0, 1.0, 1.0)})
    assert values.bind_spacing((3.6, 0.62, 0.62)) == values
    student = make("methods", "distil", {"loss": "kd", "student": "monaiseg", "student_params": {"network": "DynUNet"}})
    assert student.bind_spacing((3.6, 0.62, 0.62))._student.spacing == (3.6, 0.62, 0.62)
    assert student._student.spacing == ()


def test_a_size_that_is_known_too_small_once_voxels_are_measured_refuses_the_trial(tmp_path):
    data = prepare("phantom_ad", {"subjects": 12, "mm": 12.0}).spec
    spec = registry.spec("methods", "monai3d", {"view": {"kind": "volume", "mm": 12.0}})
    trial = Trial(data, spec, recipe=Recipe(steps=2, batch_size=2, points=1))
    record = run_trial.run(trial, Store(tmp_path / "results"))
    assert record.status == "refused"
    assert "DenseNet121 cannot read volumes of 16 x 19 x 16" in record.error["message"]
