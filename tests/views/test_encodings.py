"""The encoding beyond one dynamic image, against loops over slices and voxels in float64."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core import BenchError
from bench.views import PLANES, Dynamic, SlidingDynamic, rank_pooling_weights
from bench.views.backproject import backproject_dynamic
from bench.views.layer import RankPooling
from bench.views.rank_pooling import COEFFICIENTS

SIZES, MM = (9, 12, 7), (2.0, 2.0, 2.0)
ENCODINGS = [
    Dynamic(),
    Dynamic(plane="all", coefficients="running"),
    Dynamic(plane="all", slab=5, stride=4),
    Dynamic(plane="coronal", slab=5, stride=3, reverse=True),
    Dynamic(plane="axial", slab=3, stride=2),
    Dynamic(quantise=True, channels=3, coefficients="linear"),
    Dynamic(plane="axial", shuffle=2, scale="none", reverse=True),
]


def scans(batch: int = 2, channels: int = 1, sizes: tuple[int, ...] = SIZES) -> torch.Tensor:
    return torch.rand(batch, channels, *sizes, generator=torch.Generator().manual_seed(1)) * 100


def summed(volume: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    return sum(w * np.take(volume, at, axis) for at, w in enumerate(weights))


def stretch(image: np.ndarray) -> np.ndarray:
    return (image - image.min()) / (image.max() - image.min()) * 255 if np.ptp(image) else image * 0


def slabs(view: Dynamic, slices: int) -> list[range]:
    """The slices of each slab, counted out."""
    thick = view.slab if 0 < view.slab < slices else slices
    found, start = [], 0
    while start + thick < slices:
        found.append(range(start, start + thick))
        start += view.stride or view.slab
    return [*found, range(slices - thick, slices)]


def images(view: Dynamic, sizes: tuple[int, ...]) -> list[tuple[int, range, np.ndarray]]:
    """Axis, slices and weights of every image of a channel."""
    found = []
    for plane in PLANES if view.plane == "all" else [view.plane]:
        for part in slabs(view, sizes[PLANES[plane]]):
            weights = rank_pooling_weights(len(part), view.coefficients)
            weights = weights[::-1] if view.reverse else weights
            order = np.random.default_rng(view.shuffle).permutation(len(part)) if view.shuffle else range(len(part))
            found.append((PLANES[plane], part, np.array([weights[at] for at in order])))
    return found


def corner(image: np.ndarray, frame: tuple[int, int]) -> tuple[int, int]:
    return (frame[0] - image.shape[0]) // 2, (frame[1] - image.shape[1]) // 2


# Planes, slabs and orders


@pytest.mark.parametrize("view", ENCODINGS, ids=repr)
def test_planes_and_slabs_are_channels_each_scaled_and_in_the_middle(view):
    x = scans(2, 2)
    result, wanted = view(x, MM), images(view, SIZES)
    assert result.shape[1:] == view.shape((2, *SIZES), MM)
    frame = tuple(result.shape[2:])
    expected = np.zeros((len(wanted), 2, *frame))
    for number, (axis, part, weights) in enumerate(wanted):
        for channel in range(2):
            image = summed(np.take(x[1, channel].double().numpy(), part, axis), weights, axis)
            image = stretch(image) if view.scale == "minmax" else image
            top, left = corner(image, frame)
            expected[number, channel, top : top + image.shape[0], left : left + image.shape[1]] = image
    near = 1 if view.quantise else 0.02
    np.testing.assert_allclose(result[1], np.tile(expected.reshape(-1, *frame), (view.channels, 1, 1)), atol=near)


def test_three_planes_fill_the_most_rows_and_columns_and_have_no_left_and_right():
    assert Dynamic(plane="all").shape((1, 91, 109, 80), MM) == (3, 109, 109)
    assert Dynamic(plane="all").shape((1, 20, 8, 30), MM) == (3, 20, 30)
    assert Dynamic(plane="all").left_right() is None
    assert Dynamic(plane="axial", slab=4).left_right() == 0


@given(st.integers(1, 40), st.integers(1, 45), st.data())
def test_slabs_cover_every_slice_and_end_with_the_volume(slices, slab, data):
    view = Dynamic(plane="coronal", slab=slab, stride=data.draw(st.integers(0, slab)))
    found = [(one.start, one.start + len(one.weights)) for one in view.poolings((3, slices, 4))]
    assert (found[0][0], found[-1][1]) == (0, slices)
    assert {stop - start for start, stop in found} == {min(slab, slices)}
    assert all(start < following <= stop for (start, stop), (following, _) in pairwise([*found, (slices, 0)]))


def test_shuffled_slices_have_one_order_for_all_scans_of_a_size():
    weights = Dynamic(shuffle=1).poolings((8, 4, 4))[0].weights
    assert [list(rank_pooling_weights(8)).index(one) for one in weights] == [5, 0, 1, 4, 2, 6, 3, 7]
    x = scans(3)
    assert torch.equal(Dynamic(shuffle=5)(x[2:], MM), Dynamic(shuffle=5)(x, MM)[2:])
    assert not torch.equal(Dynamic(shuffle=5)(x, MM), Dynamic(shuffle=6)(x, MM))


def test_what_makes_no_sense_is_refused():
    for kind, params, says in [
        (Dynamic, {"stride": 3}, "slab is 0"),
        (Dynamic, {"slab": 3, "stride": 4}, "skips slices between slabs of 3"),
        (Dynamic, {"slab": -1}, "0 or more"),
        (Dynamic, {"slab": 1, "shuffle": 4}, "no order"),
        (Dynamic, {"slab": 4, "channels": 3}, "set channels=1"),
        (Dynamic, {"plane": "all", "channels": 3}, "set channels=1"),
        (SlidingDynamic, {"width": 4}, "odd number of slices, not 4"),
        (SlidingDynamic, {"width": -3}, "odd number of slices, not -3"),
    ]:
        with pytest.raises(BenchError, match=says):
            kind(**params)


# Windows


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(PLANES)), st.sampled_from([1, 3, 5, 9, 21]), st.sampled_from(COEFFICIENTS), st.data())
def test_windows_are_those_of_the_loop_on_the_same_grid(plane, width, coefficients, data):
    reverse, own = data.draw(st.booleans()), data.draw(st.booleans())
    scale, sizes = data.draw(st.sampled_from(["minmax", "none"])), data.draw(st.tuples(*[st.integers(1, 9)] * 3))
    x, axis = scans(2, 2, sizes), PLANES[plane]
    view = SlidingDynamic(plane, width, coefficients, reverse, scale, own)
    result = view(x, MM)
    assert result.shape[1:] == view.shape((2, *sizes), MM) == (4 if own else 2, *sizes)
    assert not own or torch.equal(result[:, 2:], x)
    for middle in range(sizes[axis]):
        part = [at for at in range(middle - width // 2, middle + width // 2 + 1) if 0 <= at < sizes[axis]]
        weights = rank_pooling_weights(len(part), coefficients)[:: -1 if reverse else 1]
        expected = summed(np.take(x[1, 1].double().numpy(), part, axis), weights, axis)
        expected = stretch(expected) if scale == "minmax" else expected
        np.testing.assert_allclose(np.take(result[1, 1].numpy(), middle, axis), expected, rtol=1e-4, atol=0.02)


def test_windows_of_bytes_and_of_pieces_are_the_same(monkeypatch):
    x = scans().byte()
    whole = [SlidingDynamic(plane)(x, MM) for plane in PLANES]
    monkeypatch.setattr("bench.views.sliding._PIECE", 100)
    for plane, expected in zip(PLANES, whole, strict=True):
        assert torch.equal(SlidingDynamic(plane)(x.float(), MM), expected)


# Bad input


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
@pytest.mark.parametrize("reverse", [False, True])
def test_one_slice_is_itself(coefficients, reverse):
    x = scans(2, 1, (1, 8, 6))
    params = {"coefficients": coefficients, "reverse": reverse, "scale": "none"}
    assert torch.equal(Dynamic(**params)(x, MM), x[:, :, 0])
    assert torch.equal(Dynamic(**params, slab=5)(x, MM), x[:, :, 0])
    assert torch.equal(SlidingDynamic("sagittal", **params)(x, MM), torch.cat([x, x], 1))
    assert Dynamic(plane="all")(scans(1, 1, (1, 1, 1)), MM).eq(0).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3, -211.0, 1e-30, 1e30, 97])
@pytest.mark.parametrize("coefficients", COEFFICIENTS)
def test_a_constant_volume_is_a_flat_image(coefficients, value):
    for sizes in ((31, 37, 29), (8, 16, 16), (5, 4, 3)):
        x = torch.full((1, 1, *sizes), value, dtype=torch.uint8 if value == 97 else torch.float32)
        for view in (Dynamic("all", coefficients), Dynamic("all", coefficients, quantise=True, slab=4, stride=2)):
            assert view(x, MM).eq(0).all()
        for plane in PLANES:
            assert SlidingDynamic(plane, 5, coefficients, own=False)(x, MM).eq(0).all()


def test_little_contrast_is_no_rounding():
    x = 1000 + scans() / 1000
    for view in (Dynamic(), SlidingDynamic("sagittal", own=False)):
        result = view(x, MM).flatten(-2)
        assert (result.amin(), result.amin(-1).max(), result.amax(-1).min(), result.amax()) == (0, 0, 255, 255)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_nan_voxel_is_not_hidden_and_stays_local(bad):
    x = scans()
    x[0, 0, 4, 6, 3] = bad  # the middle voxel
    result = Dynamic()(x, MM)
    assert result[0, 0, 6, 3].isnan()
    assert torch.equal(result[1], Dynamic()(x[1:], MM)[0])
    raw = Dynamic(scale="none")(x, MM)[0, 0]
    assert (~raw.isfinite()).nonzero().tolist() == [[6, 3]]
    windows = SlidingDynamic("sagittal", 3, own=False)(x, MM)[0, 0].isnan().flatten(1).any(1)
    assert windows.nonzero().flatten().tolist() == [3, 4, 5]


# The layer


@pytest.mark.parametrize("view", ENCODINGS, ids=repr)
def test_the_layer_begins_as_the_view_and_its_weights_learn(view):
    for x in (scans(3, 2), scans(3, 2).byte()):
        layer = RankPooling(view, (2, *SIZES))
        result = layer(x)
        assert torch.equal(result, view(x, MM))
        (result * torch.rand(result.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
        assert all(weight.grad.abs().max() > 0 for weight in layer.parameters())
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(layer(x), result)
            assert layer(x.bfloat16()).dtype == torch.float32
        assert torch.equal(RankPooling(view, (2, *SIZES), learnable=False)(x), result)


@pytest.mark.parametrize("view", [view for view in ENCODINGS if not view.quantise], ids=repr)
def test_the_gradient_of_the_weights_is_right(view):
    layer, x = RankPooling(view, (1, *SIZES)).double(), scans(1).double()
    weights = [weight.detach().clone().requires_grad_() for weight in layer.weights]
    assert torch.autograd.gradcheck(lambda *weights: view.encode(x, weights), weights, atol=1e-4)


def test_the_gradient_passes_the_rounding_unchanged_and_fixed_weights_have_none():
    found = []
    for view in (Dynamic(), Dynamic(quantise=True)):
        layer = RankPooling(view, (1, *SIZES))
        layer(scans()).flatten(1)[:, 3].sum().backward()
        found.append(layer.weights[0].grad)
    assert torch.equal(*found)
    fixed = RankPooling(Dynamic(), (1, *SIZES), learnable=False)
    assert not fixed(scans()).requires_grad
    assert "weights.0" in fixed.state_dict()


def test_a_layer_refuses_other_slices_and_returns_its_weights_in_slice_order():
    layer = RankPooling(Dynamic("axial", reverse=True, slab=3), (1, *SIZES))
    with pytest.raises(ValueError, match="8 slices along axis 2, but weights for 7"):
        layer(scans(sizes=(9, 12, 8)))
    with pytest.raises(ValueError, match="2 weights for 3 slices"):
        layer.view.encode(scans(), [torch.ones(2)] * 3)
    assert layer(scans(sizes=(5, 5, 7))).shape == (2, 3, 5, 5)
    with torch.no_grad():
        layer.weights[1][0] = 40.0
    values = layer.learnt()
    assert [(one.plane, one.start) for one in values] == [("axial", 0), ("axial", 3), ("axial", 4)]
    np.testing.assert_allclose(values[0].weights, rank_pooling_weights(3)[::-1], rtol=1e-6)
    assert values[1].weights[0] == 40
    assert layer.view.poolings(SIZES)[1].weights[0] != 40


# The way back


@pytest.mark.parametrize("by", ["weights", "contribution"])
@pytest.mark.parametrize("view", ENCODINGS, ids=repr)
def test_a_saliency_goes_back_through_the_weights_to_where_the_slices_are(view, by):
    x, image = scans(1, 2)[0].numpy() - 50, view.shape((2, *SIZES), MM)
    saliency, expected = np.random.default_rng(0).normal(size=image), np.zeros(SIZES)
    for number, (axis, part, weights) in enumerate(images(view, SIZES)):
        for channel in range(2):
            top, left = corner(np.take(x[channel], 0, axis), image[1:])
            for place in np.ndindex(*SIZES):
                row, column = (at for each, at in enumerate(place) if each != axis)
                if place[axis] not in part:
                    continue
                one = abs(weights[place[axis] - part.start]) * (abs(x[channel][place]) if by == "contribution" else 1)
                for copy in range(view.channels):
                    at = copy * image[0] // view.channels + 2 * number + channel
                    expected[place] += max(0, saliency[at, top + row, left + column]) * one
    found = backproject_dynamic(view, saliency, x, MM, by=by)
    assert found.min() >= 0
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_spot_on_the_image_is_a_line_of_the_volume():
    x, spot = scans(1, 1)[0], np.zeros((12, 7))
    spot[4, 2] = 2.0
    expected = np.zeros(SIZES)
    expected[:, 4, 2] = 2 * np.abs(rank_pooling_weights(9))
    for view in (Dynamic(), Dynamic(channels=3)):
        np.testing.assert_allclose(backproject_dynamic(view, spot, x), expected)
    np.testing.assert_allclose(backproject_dynamic(Dynamic(channels=3), np.stack([spot] * 3), x), 3 * expected)
    layer = RankPooling(Dynamic(), (1, *SIZES))
    with torch.no_grad():
        layer.weights[0].copy_(-torch.arange(9.0))
    found = backproject_dynamic(Dynamic(), spot, x, MM, [one.weights for one in layer.learnt()])
    np.testing.assert_allclose(found[:, 4, 2], 2 * np.arange(9.0))


def test_an_unknown_back_projection_is_refused():
    x = scans()[0].numpy()
    with pytest.raises(BenchError, match="no back-projection by 'depth'"):
        backproject_dynamic(Dynamic(), np.ones((12, 7)), x, by="depth")
    with pytest.raises(BenchError, match=r"a saliency of \(5, 2, 3\) does not fit images of \(1, 12, 7\)"):
        backproject_dynamic(Dynamic(), np.ones((5, 2, 3)), x)
    with pytest.raises(BenchError, match=r"weights for \[4\] slices, but the view pools \[9\]"):
        backproject_dynamic(Dynamic(), np.ones((12, 7)), x, weights=[np.ones(4)])
