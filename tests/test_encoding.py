"""The encoding beyond one dynamic image: planes, slabs, shuffled slices, windows, learnt weights, the way back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from bench.core import BenchError
from bench.views import PLANES, Dynamic, SlidingDynamic, rank_pooling_weights
from bench.views.back import carry_back
from bench.views.layer import RankPooling

SIZES = (9, 12, 7)
MM = (2.0, 2.0, 2.0)


def scans(batch: int = 2, channels: int = 1, sizes=SIZES) -> torch.Tensor:
    return torch.rand(batch, channels, *sizes, generator=torch.Generator().manual_seed(1)) * 100


def summed(volume: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """The weighted sum of slices, one by one."""
    return sum(w * np.take(volume, at, axis) for at, w in enumerate(weights))


def stretch(image: np.ndarray) -> np.ndarray:
    return (image - image.min()) / (image.max() - image.min()) * 255


@pytest.mark.parametrize("slices", [2, 5, 8, 110])
def test_weights_equal_exact_arithmetic(slices):
    sums = [sum(Fraction(2 * i - slices - 1, i) for i in range(t, slices + 1)) for t in range(1, slices + 1)]
    tails = [sum(Fraction(1, i) for i in range(t, slices + 1)) for t in range(1, slices + 1)]
    closed = [2 * (slices - t + 1) - (slices + 1) * tails[t - 1] for t in range(1, slices + 1)]
    assert sums == closed
    assert sum(sums) == 0
    port = [sum(Fraction(2 * i - slices, i) for i in range(t, slices + 1)) for t in range(1, slices + 1)]
    assert sum(port) == slices
    np.testing.assert_allclose(rank_pooling_weights(slices, "bilen"), [float(one) for one in sums], atol=1e-11)
    np.testing.assert_allclose(rank_pooling_weights(slices, "running"), [float(one) for one in port], atol=1e-11)


@pytest.mark.parametrize("view", [Dynamic(), Dynamic(plane="all"), Dynamic(slab=3), SlidingDynamic(width=5)])
def test_one_slice_is_itself(view):
    one = scans(1, 1, (1, 1, 1))
    said = view(one, MM)
    assert said.isfinite().all()
    bare = Dynamic(scale="none")(scans(1, 1, (1, 8, 6)), MM)
    torch.testing.assert_close(bare, scans(1, 1, (1, 8, 6))[:, :, 0])


CONSTANT = [
    Dynamic(coefficients="linear"), Dynamic(coefficients="running", quantise=True), Dynamic(slab=4, stride=2),
    Dynamic(shuffle=3), SlidingDynamic(width=5), Dynamic(plane="axial"), Dynamic(plane="coronal"),
]  # fmt: skip


@pytest.mark.parametrize("value", [0.0, 7.3, 211.0])
@pytest.mark.parametrize("view", CONSTANT)
def test_a_constant_volume_is_a_flat_image(view, value):
    said = view(torch.full((1, 1, 31, 37, 29), value), MM)
    assert said.isfinite().all()
    assert float((said.amax((-2, -1)) - said.amin((-2, -1))).max()) in (
        0.0,
        255.0,
    )  # of rounding, stretched, or of none


def test_slices_of_zeros_weigh_nothing():
    x = scans()
    x[:, :, :4] = 0
    whole = Dynamic(scale="none")(x, MM)
    expected = summed(x[0, 0].numpy().astype(float), rank_pooling_weights(9), 0)
    np.testing.assert_allclose(whole[0, 0], expected, rtol=1e-4, atol=1e-3)


def test_three_planes_are_three_channels_of_one_size():
    x, view = scans(2, 2), Dynamic(plane="all")
    said = view(x, MM)
    assert said.shape[1:] == view.shape((2, *SIZES), MM) == (6, 12, 12)
    for number, (plane, axis) in enumerate(PLANES.items()):
        alone = Dynamic(plane=plane)(x, MM)
        rows, columns = alone.shape[2:]
        top, left = (12 - rows) // 2, (12 - columns) // 2
        part = said[:, 2 * number : 2 * number + 2]
        assert torch.equal(part[..., top : top + rows, left : left + columns], alone), axis
        assert float(part.sum()) == pytest.approx(float(alone.sum()), rel=1e-6)  # zeros around it
    assert view.left_right() is None


@pytest.mark.parametrize(
    ("slab", "stride", "starts"), [(4, 0, [0, 4, 5]), (4, 2, [0, 2, 4, 5]), (3, 0, [0, 3, 6]), (99, 0, [0])]
)
def test_slabs_are_channels_and_cover_the_volume(slab, stride, starts):
    x, view = scans(), Dynamic(slab=slab, stride=stride)
    said = view(x, MM)
    thick = min(slab, 9)
    assert said.shape[1:] == view.shape((1, *SIZES), MM) == (len(starts), 12, 7)
    for number, start in enumerate(starts):
        expected = summed(x[0, 0, start : start + thick].numpy().astype(float), rank_pooling_weights(thick), 0)
        np.testing.assert_allclose(said[0, number], stretch(expected), atol=0.02)


def test_shuffled_slices_are_pooled_in_one_fixed_order():
    x, view = scans(), Dynamic(shuffle=5, scale="none")
    order = np.random.default_rng(5).permutation(9)
    expected = summed(x[1, 0].numpy().astype(float), rank_pooling_weights(9)[order], 0)
    np.testing.assert_allclose(view(x, MM)[1, 0], expected, rtol=1e-4, atol=1e-3)
    assert not torch.equal(view(x, MM), Dynamic(scale="none")(x, MM))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"stride": 3}, "slab is 0"),
        ({"slab": -1}, "0 or more"),
        ({"slab": 4, "channels": 3}, "copies"),
        ({"plane": "all", "channels": 3}, "copies"),
    ],
)
def test_what_makes_no_sense_is_refused(params, says):
    with pytest.raises(BenchError, match=says):
        Dynamic(**params)


@pytest.mark.parametrize("scale", ["minmax", "none"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("plane", PLANES)
def test_a_window_around_every_slice_keeps_the_grid(plane, reverse, scale):
    x, axis = scans(2, 2), PLANES[plane]
    view = SlidingDynamic(plane=plane, width=5, reverse=reverse, scale=scale)
    said = view(x, MM)
    assert said.shape[1:] == view.shape((2, *SIZES), MM) == (4, *SIZES)
    assert torch.equal(said[:, 2:], x)
    volume, slices = x[1, 1].numpy().astype(float), SIZES[axis]
    for middle in range(slices):
        start, stop = max(0, middle - 2), min(slices, middle + 3)
        weights = rank_pooling_weights(stop - start)
        weights = weights[::-1] if reverse else weights
        expected = summed(np.take(volume, range(start, stop), axis), weights, axis)
        expected = stretch(expected) if scale == "minmax" else expected
        np.testing.assert_allclose(np.take(said[1, 1].numpy(), middle, axis), expected, rtol=1e-4, atol=0.02)


def test_windows_have_a_middle():
    with pytest.raises(BenchError, match="odd number of slices, not 4"):
        SlidingDynamic(width=4)


VIEWS = [
    Dynamic(),
    Dynamic(plane="all", coefficients="running"),
    Dynamic(plane="coronal", slab=5, stride=3, reverse=True),
    Dynamic(quantise=True, channels=3, coefficients="linear"),
    Dynamic(plane="axial", shuffle=2, scale="none"),
]


@pytest.mark.parametrize("view", VIEWS, ids=range(len(VIEWS)))
def test_the_layer_begins_as_the_view_and_its_weights_learn(view):
    x = scans(3, 2)
    layer = RankPooling(view, (2, *SIZES))
    said = layer(x)
    torch.testing.assert_close(said, view(x, MM), rtol=0, atol=1e-3 if not view.quantise else 1.0)
    (said * torch.randn(said.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in layer.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer(x), said, rtol=0, atol=0)  # never in bfloat16


def test_a_layer_that_does_not_learn_has_no_gradient():
    layer = RankPooling(Dynamic(), (1, *SIZES), learnable=False)
    assert not any(weight.requires_grad for weight in layer.parameters())


def test_a_saliency_goes_back_through_the_weights_of_the_slices():
    volume, spot = scans()[0].numpy(), np.zeros((12, 7))
    spot[4, 2] = 2.0
    found = carry_back(Dynamic(), spot, volume)
    expected = np.zeros(SIZES)
    expected[:, 4, 2] = 2 * np.abs(rank_pooling_weights(9))
    np.testing.assert_allclose(found, expected)
    given = carry_back(Dynamic(), spot, volume, by="contribution")
    np.testing.assert_allclose(given, expected * volume[0])
    learnt = carry_back(Dynamic(), spot, volume, weights=[np.arange(9.0)])
    np.testing.assert_allclose(learnt[:, 4, 2], 2 * np.arange(9.0))


def test_copies_planes_and_slabs_are_summed_where_they_came_from():
    volume, rng = scans()[0].numpy(), np.random.default_rng(0)
    three = rng.random((3, 12, 7))
    np.testing.assert_allclose(
        carry_back(Dynamic(channels=3), three, volume), carry_back(Dynamic(), three.sum(0), volume)
    )
    whole = carry_back(Dynamic(plane="all"), np.ones((3, 12, 12)), volume)
    parts = [np.abs(rank_pooling_weights(size)) for size in SIZES]
    expected = parts[0][:, None, None] + parts[1][None, :, None] + parts[2][None, None, :]
    np.testing.assert_allclose(whole, expected)
    slabs = carry_back(Dynamic(slab=4), np.ones((3, 12, 7)), volume)
    depth = np.zeros(9)
    for start in (0, 4, 5):
        depth[start : start + 4] += np.abs(rank_pooling_weights(4))
    np.testing.assert_allclose(slabs, np.broadcast_to(depth[:, None, None], SIZES))


def test_a_way_back_that_is_none_is_told():
    volume = scans()[0].numpy()
    with pytest.raises(BenchError, match="no way back 'depth'"):
        carry_back(Dynamic(), np.ones((12, 7)), volume, by="depth")
    with pytest.raises(BenchError, match="does not fit images of"):
        carry_back(Dynamic(), np.ones((5, 2, 3)), volume)
