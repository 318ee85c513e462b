"""Hybrids are what was published: ACS, inflation, fused planes, attention over slices, pooled slices, Xing 2020."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines import _convert, _planes, _slices
from baselines._xing_network import AttentiveVgg
from bench.core import Task
from bench.registry import make

TWO = Task("classification", "auc", ("a", "b"))
SMALL = {"network": "resnet10t", "options": {"channels": (16, 24, 32, 48), "stem_width": 8}}
FLAT = {"network": "resnet18", "options": {"layers": (1, 1, 1, 1), "channels": (16, 24, 32, 48)}}


@pytest.mark.parametrize("sizes", [(9, 11, 10), (8, 8, 8)])
@pytest.mark.parametrize(
    ("inputs", "outputs", "groups", "thirds"),
    [(5, 7, 1, (3, 2, 2)), (4, 8, 1, (3, 3, 2)), (6, 6, 6, (2, 2, 2)), (8, 8, 8, (3, 3, 2)), (3, 2, 1, (1, 1, 0))],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_acs_is_a_3d_convolution_with_flat_kernels_in_the_three_planes(sizes, inputs, outputs, groups, thirds, stride):
    """The first part of the kernels has no depth, the second no height, the third no width (Yang et al. 2021)."""
    torch.manual_seed(0)
    flat = nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups)
    made, full = _convert.acs(flat), torch.zeros(outputs, inputs // groups, 3, 3, 3)
    first, second = thirds[0], thirds[0] + thirds[1]
    full[:first, :, 1, :, :] = flat.weight[:first]
    full[first:second, :, :, 1, :] = flat.weight[first:second]
    full[second:, :, :, :, 1] = flat.weight[second:]
    x = torch.randn(2, inputs, *sizes)
    torch.testing.assert_close(made(x), F.conv3d(x, full, flat.bias, stride, 1, 1, groups))
    assert sum(one.numel() for one in made.parameters()) == sum(one.numel() for one in flat.parameters())


def test_an_acs_network_has_the_parameters_of_the_2d_network():
    counts = [
        sum(one.numel() for one in make("methods", name, {**FLAT, **more}).build(TWO, shape).parameters())
        for name, shape, more in (("timm2d", (1, 32, 32), {}), ("timm3d", (1, 9, 32, 32), {"conversion": "acs"}))
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("resnet18", FLAT["options"]),
        ("resnet10t", SMALL["options"]),
        ("densenet121", {"block_config": (2, 2), "growth_rate": 8}),
        ("mobilenetv2_050", {}),
        ("regnety_002", {}),
    ],
)
@pytest.mark.parametrize(("plane", "axis"), [("axial", 2), ("sagittal", 0)])
def test_a_volume_of_equal_slices_gives_an_inflated_network_what_the_slice_gives_the_2d_one(
    network, options, plane, axis
):
    params = {"network": network, "options": options}
    torch.manual_seed(0)
    flat = make("methods", "timm2d", params).build(TWO, (2, 33, 36)).eval()
    torch.manual_seed(0)
    shape = [33, 36]
    shape.insert(axis, 17)
    solid = make("methods", "timm3d", {**params, "conversion": "inflated", "plane": plane})
    solid = solid.build(TWO, (2, *shape)).eval()
    image = torch.randn(2, 2, 33, 36)
    with torch.no_grad():
        volume = image.unsqueeze(2 + axis).expand(-1, -1, *shape)
        torch.testing.assert_close(solid(volume), flat(image), rtol=1e-3, atol=1e-4)


def test_networks_without_a_counterpart_in_three_dimensions_say_why():
    reason = make("methods", "timm3d", {"network": "vit_tiny_patch16_224", "view": "volume"}).refuses(
        TWO, (1, 32, 32, 9)
    )
    assert "cannot be converted to 3D" in reason


@pytest.mark.parametrize("params", [{"fusion": "early"}, {}, {"shared": False}], ids=["early", "joint", "unshared"])
def test_fusion_reads_all_nine_slices_and_nothing_else(params):
    torch.manual_seed(0)
    model = make("methods", "fuseme", {**SMALL, **params}).build(TWO, (1, 11, 12, 13)).eval()
    x = torch.randn(1, 1, 11, 12, 13, requires_grad=True)
    model(x)[0, 0].backward()
    read = torch.zeros(11, 12, 13, dtype=torch.bool)
    for axis, middle in enumerate((5, 6, 6)):
        for at in (middle - 1, middle, middle + 1):
            read.select(axis, at)[:] = True
            own = x.grad[0, 0].select(axis, at)
            assert own.ne(0).any(), f"slice {at} along {axis} is not read"
    assert x.grad[0, 0][~read].eq(0).all()


def test_the_images_of_the_planes_are_the_middle_slices_in_order():
    x = torch.arange(5 * 6 * 7.0).reshape(1, 1, 5, 6, 7)
    sagittal, coronal, axial = _planes.planes(x)
    assert sagittal.shape == coronal.shape == axial.shape == (1, 3, 6, 7)
    torch.testing.assert_close(sagittal[0], x[0, 0, 1:4])
    torch.testing.assert_close(coronal[0, :, :5], x[0, 0, :, 2:5].movedim(1, 0))  # 5 rows in a frame of 6
    torch.testing.assert_close(axial[0, :, :5, :6], x[0, 0, :, :, 2:5].movedim(2, 0))


def test_gated_attention_is_the_published_sum():
    """Ilse et al. 2018, equations 7 and 9, written with loops."""
    torch.manual_seed(0)
    pool, x = _slices.Attention(5, 3, gated=True), torch.randn(2, 4, 5)
    for bag in range(2):
        scores = []
        for h in x[bag]:
            value = torch.tanh(pool.values.weight @ h + pool.values.bias)
            gate = torch.sigmoid(pool.gates.weight @ h + pool.gates.bias)
            scores.append((pool.scores.weight @ (value * gate)).exp())
        expected = sum(score / sum(scores) * h for score, h in zip(scores, x[bag], strict=True))
        torch.testing.assert_close(pool(x)[bag], expected)


@pytest.mark.parametrize("how", ["gated", "attention", "mean", "max", "transformer"])
def test_only_the_transformer_depends_on_the_order_of_the_slices(how):
    torch.manual_seed(0)
    params = {**SMALL, "slices": 4, "units": 16, "depth": 1, "aggregate": how, "trim": 0.0}
    model = make("methods", "slices", params).build(TWO, (1, 18, 17, 4)).eval()
    x = torch.randn(2, 1, 18, 17, 4)
    with torch.no_grad():
        model.head.weight.normal_()
        same = torch.allclose(model(x), model(x.flip(4)), atol=1e-4)
    assert same == (how != "transformer")


def test_slices_are_equally_spaced_and_each_taken_once():
    assert _slices.positions(11, 3, 0.1) == [1, 5, 9]
    assert _slices.positions(3, 16, 0.0) == [0, 1, 2]
    assert _slices.positions(10, 1, 0.3) == [5]


@pytest.mark.parametrize("start", ["bilen", "mean"])
def test_pooled_slices_begin_as_the_sum_of_the_closed_form(start):
    slices, x = 6, torch.randn(2, 1, 6, 18, 17)
    harmonic = [sum(1 / i for i in range(1, t + 1)) for t in range(slices + 1)]
    rank = [2 * (slices - t + 1) - (slices + 1) * (harmonic[slices] - harmonic[t - 1]) for t in range(1, slices + 1)]
    weights = torch.tensor(rank if start == "bilen" else [1 / slices] * slices)
    model = make("methods", "weighted_pooling", {**SMALL, "start": start}).build(TWO, (1, 6, 18, 17))
    image = torch.einsum("t,bctij->bcij", weights, x)
    torch.testing.assert_close(model.pooling(x), image, rtol=1e-4, atol=1e-4)
    model(x).sum().backward()
    assert all(one.grad is not None for one in model.pooling.weights)
    still = make("methods", "weighted_pooling", {**SMALL, "learnt": False}).build(TWO, (1, 6, 18, 17))
    assert not any(one.requires_grad for one in still.pooling.weights)


def test_xing_has_the_layers_of_the_released_network():
    model = AttentiveVgg(3, 2, (1024, 256), 0.5)
    assert model.features(torch.zeros(1, 3, 110, 110)).shape == (1, 512, 6, 6)
    convolutions = [one for one in model.attention if isinstance(one, nn.Conv2d)]
    assert [(one.in_channels, one.out_channels) for one in convolutions] == [(512, 512), (512, 256), (256, 64), (64, 1)]
    dense = [(one.in_features, one.out_features) for one in model.head if isinstance(one, nn.Linear)]
    assert dense == [(512 * 6 * 6, 1024), (1024, 256), (256, 2)]


def test_the_attention_of_xing_may_be_over_the_height_alone_or_left_out():
    torch.manual_seed(0)
    high = AttentiveVgg(1, 2, (8,), 0.5, "height").weigh(torch.randn(3, 512, 4, 5))
    torch.testing.assert_close(high.sum(2), torch.full((3, 1, 5), 4.0))
    assert AttentiveVgg(1, 2, (8,), 0.5, "none").attention is None


def test_xing_refuses_images_that_four_halvings_leave_nothing_of():
    reason = make("methods", "xing2020").refuses(TWO, (3, 64, 15))
    assert "need 16 pixels along each axis, but have 64 x 15" in reason
    assert make("methods", "xing2020").refuses(TWO, (3, 16, 16)) is None
