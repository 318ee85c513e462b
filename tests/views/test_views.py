"""Views: exact values against numpy, scipy and closed forms; shapes, types and the left-right axis of every kind."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy
from torch.utils.flop_counter import FlopCounterMode

from bench.core import BenchError, plain
from bench.views import PLANES, VIEWS, Dynamic, Image, Orthogonal, Slab, Slice, SlidingDynamic, View, Volume, effective
from bench.views import dynamic_image as pool
from bench.views import rank_pooling_weights as weights
from bench.views.projections import slice_entropies

SPACING = (2.0, 1.5, 3.0)
SIZES = (9, 12, 7)
VARIANTS = [
    *(VIEWS[kind]() for kind in sorted(VIEWS)),
    *(kind(plane=plane) for kind in VIEWS.values() if hasattr(kind, "plane") for plane in PLANES),
    Volume(4.0),
    Dynamic(channels=3, quantise=True, reverse=True),
    Dynamic(coefficients="running", scale="none"),
    Dynamic(plane="all", slab=5, stride=4),
    Dynamic(plane="axial", slab=3, stride=2, shuffle=2),
    SlidingDynamic(width=3, reverse=True, scale="none", own=False),
    Slab(gap=5.0, position=0.2),
]


def scans(batch: int = 2, channels: int = 2, sizes: tuple[int, ...] = SIZES) -> torch.Tensor:
    """uint8, every scan from 0 to 255."""
    x = torch.from_numpy(np.random.default_rng(3).integers(1, 255, (batch, channels, *sizes), dtype=np.uint8))
    x[:, :, 0, 0, 0], x[:, :, -1, -1, -1] = 0, 255
    return x


@pytest.mark.parametrize("view", VARIANTS, ids=repr)
def test_the_shape_is_that_of_the_result_and_bytes_give_the_result_of_floats(view: View) -> None:
    x = scans()
    image = view(x, SPACING)
    assert image.dtype == torch.float32
    assert tuple(image.shape) == (2, *view.shape((2, *SIZES), SPACING))
    torch.testing.assert_close(view(x.float(), SPACING), image, rtol=1e-5, atol=2e-3)
    assert plain(View.parse(plain(view))) == plain(view)


@pytest.mark.parametrize("view", VARIANTS, ids=repr)
def test_a_view_is_the_same_alone_and_in_a_batch(view: View) -> None:
    for x in (scans(3, sizes=(19, 23, 17)), scans(3, sizes=(19, 23, 17)).float()):
        assert torch.equal(torch.cat([view(scan[None].clone(), SPACING) for scan in x]), view(x, SPACING))


@pytest.mark.parametrize("view", VARIANTS, ids=repr)
def test_a_view_flipped_along_its_left_right_axis_is_the_view_of_the_mirrored_scan(view: View) -> None:
    axis = view.left_right()
    if isinstance(view, Image):
        assert axis == 1
        return
    if axis is None:
        assert getattr(view, "plane", "sagittal") in ("sagittal", "all")
        return
    x = scans().float()
    torch.testing.assert_close(view(x.flip(2), SPACING), view(x, SPACING).flip(2 + axis), rtol=1e-4, atol=2e-3)


def test_importing_views_imports_no_torch() -> None:
    code = "import sys, bench.views, bench.views.backproject; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_wrong_views_are_refused_with_what_is_allowed() -> None:
    for wrong, values in [
        ("dynamc", "dynamic"),
        ({"kind": "dynamic", "plane": "oblique"}, "coronal"),
        ({"kind": "slice", "position": 1.5}, "0 to 1"),
        ({"kind": "2d+e", "gap": -1}, "0 or more millimetres"),
        ({"kind": "volume", "mm": -4}, "millimetres"),
        ({"kind": "dynamic", "scale": "none", "quantise": True}, "minmax"),
        ({"kind": "mean", "plain": "axial"}, "plane"),
    ]:
        with pytest.raises(BenchError, match=values):
            View.parse(wrong)


# Volume


def test_a_volume_is_left_alone_where_its_voxels_are_coarse_enough() -> None:
    x = scans().float()
    for mm in (0.0, 1.5):
        assert torch.equal(Volume(mm)(x, SPACING), x)
        assert Volume(mm).keeps((2, *SIZES), SPACING)
    assert not Volume(4.0).keeps((2, *SIZES), SPACING)


def test_a_volume_is_averaged_over_blocks_where_they_divide_it() -> None:
    x = scans(sizes=(8, 12, 4))
    blocks = x.double().numpy().reshape(2, 2, 4, 2, 4, 3, 2, 2).mean((3, 5, 7))
    np.testing.assert_allclose(Volume(6.0)(x, (3.0, 2.0, 3.0)).numpy(), blocks, rtol=1e-6)


def test_a_volume_is_averaged_over_equal_voxels_where_they_do_not_divide_it() -> None:
    line = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    x = torch.from_numpy(line).reshape(1, 1, 5, 1, 1).float()
    image = Volume(2.0)(x, (1.0, 2.0, 2.0)).flatten().numpy()  # 2.5 voxels to one
    np.testing.assert_allclose(image, [(1 + 2 + 4 / 2) / 2.5, (4 / 2 + 8 + 16) / 2.5], rtol=1e-6)


@pytest.mark.parametrize("mm", [2.5, 4.0, 7.0, 100.0])
def test_averaging_keeps_the_mean_of_a_scan(mm: float) -> None:
    x = scans()
    image = Volume(mm)(x, SPACING)
    torch.testing.assert_close(image.mean((2, 3, 4)), x.float().mean((2, 3, 4)))


# Slices


def test_a_slice_is_at_its_fraction_of_the_axis() -> None:
    x = scans()
    assert torch.equal(Slice()(x, SPACING), x[..., 3].float())
    assert torch.equal(Slice("coronal")(x, SPACING), x[:, :, :, 6].float())
    assert torch.equal(Slice("sagittal", 0.0)(x, SPACING), x[:, :, 0].float())
    assert torch.equal(Slice("sagittal", 1.0)(x, SPACING), x[:, :, 8].float())


def test_three_slices_are_a_gap_apart_and_stop_at_the_border() -> None:
    x = scans()
    expected = torch.cat([x[:, :, :, 4], x[:, :, :, 6], x[:, :, :, 8]], 1).float()
    assert torch.equal(Slab("coronal", gap=3.0)(x, SPACING), expected)
    neighbours = torch.cat([x[:, :, 3], x[:, :, 4], x[:, :, 5]], 1).float()
    assert torch.equal(Slab("sagittal")(x, SPACING), neighbours)
    border = torch.cat([x[..., 5], x[..., 6], x[..., 6]], 1).float()
    assert torch.equal(Slab("axial", position=1.0)(x, SPACING), border)


def test_orthogonal_slices_are_centred_in_a_square() -> None:
    x = scans(1, 1)[0, 0].float().numpy()
    result = Orthogonal()(torch.from_numpy(x)[None, None], SPACING)[0].numpy()
    for channel, image in enumerate([x[4], x[:, 6], x[:, :, 3]]):
        spare = [12 - size for size in image.shape]
        np.testing.assert_array_equal(result[channel], np.pad(image, [(s // 2, s - s // 2) for s in spare]))


# Projections


@pytest.mark.parametrize(("plane", "axis"), PLANES.items())
def test_mean_and_maximum_are_those_of_numpy(plane: str, axis: int) -> None:
    x = scans()
    np.testing.assert_allclose(VIEWS["mean"](plane)(x, SPACING), x.double().numpy().mean(2 + axis), rtol=1e-6)
    np.testing.assert_array_equal(VIEWS["max"](plane)(x, SPACING), x.numpy().max(2 + axis))


@pytest.mark.parametrize(("plane", "axis"), PLANES.items())
def test_the_entropy_projection_weighs_slices_by_their_entropy(plane: str, axis: int) -> None:
    x = scans()
    x[0, 0, :3, :4] = 0  # slices that show less
    for scan, image in zip(x.flatten(0, 1).numpy(), VIEWS["entropy"](plane)(x, SPACING).flatten(0, 1), strict=True):
        slices = np.moveaxis(scan.astype(float), axis, 0)
        e = np.array([scipy_entropy(np.bincount(one.astype(int).ravel(), minlength=256)) for one in slices])
        np.testing.assert_allclose(slice_entropies(torch.from_numpy(scan), axis), e, rtol=1e-9)
        np.testing.assert_allclose(image, np.tensordot(e, slices, 1) / (e.sum() + 1e-5), rtol=1e-5)


def test_entropy_bins_span_the_range_of_the_scan() -> None:
    volume = np.random.default_rng(0).normal(-3, 0.01, (4, 30, 20))
    span = (volume.min(), volume.max())
    e = [scipy_entropy(np.histogram(one, 256, span)[0]) for one in volume]
    np.testing.assert_allclose(slice_entropies(torch.from_numpy(volume), 0), e, rtol=1e-2)  # of a few voxels at edges
    assert torch.equal(VIEWS["entropy"]()(torch.full((1, 1, 3, 4, 5), 7.0), SPACING), torch.zeros(1, 1, 4, 5))


# The dynamic image


def test_the_weights_of_five_and_eight_slices() -> None:
    np.testing.assert_allclose(weights(5), [-3.7, 0.3, 1.3, 1.3, 0.8], atol=1e-12)
    np.testing.assert_allclose(weights(5, "running"), [-1.417, 1.583, 2.083, 1.75, 1.0], atol=5e-4)
    np.testing.assert_array_equal(weights(5, "linear"), [-4, -2, 0, 2, 4])
    bilen = [-8.46, -1.46, 1.04, 2.04, 2.29, 2.09, 1.59, 0.875]
    np.testing.assert_allclose(weights(8), bilen, atol=6e-3)
    running = [-5.74, 0.26, 2.26, 2.92, 2.92, 2.52, 1.86, 1.00]
    np.testing.assert_allclose(weights(8, "running"), running, atol=6e-3)
    np.testing.assert_allclose(weights(110)[[0, 1, 2, 55, -1]], [-366.33, -257.33, -203.83, 33.56, 0.99], atol=6e-3)
    assert weights(110).argmax() == 55


@pytest.mark.parametrize("slices", [1, 2, 3, 5, 8, 91, 110])
def test_the_weights_are_the_published_sums_and_those_the_closed_form_in_rational_numbers(slices: int) -> None:
    steps = range(1, slices + 1)
    tails = [sum(Fraction(1, i) for i in range(t, slices + 1)) for t in steps]  # H_T - H_{t-1}
    for kind, less, total in (("bilen", 1, 0), ("running", 0, slices)):
        sums = [sum(Fraction(2 * i - slices - less, i) for i in range(t, slices + 1)) for t in steps]
        assert sums == [2 * (slices - t + 1) - (slices + less) * tail for t, tail in zip(steps, tails, strict=True)]
        assert sum(sums) == total
        expected = [float(one) for one in sums] if slices > 1 else [1.0]  # a single slice is itself
        np.testing.assert_allclose(weights(slices, kind), expected, rtol=0, atol=1e-10)
    assert weights(slices, "linear").tolist() == ([2 * t - slices - 1 for t in steps] if slices > 1 else [1])
    assert sum(tails) == slices  # of the mean that tells the two apart


def test_the_weights_are_the_first_gradient_step_of_rank_pooling() -> None:
    slices = np.random.default_rng(1).normal(size=(6, 10))
    means = np.cumsum(slices, 0) / np.arange(1, 7)[:, None]
    step = sum(means[q] - means[t] for q in range(6) for t in range(q))
    np.testing.assert_allclose(weights(6) @ slices, step, atol=1e-12)


def test_impossible_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="must be"):
        weights(0, "bilen")
    with pytest.raises(ValueError, match="no coefficients 'bilem'; choose from bilen, "):
        weights(4, "bilem")
    with pytest.raises(ValueError, match="3 weights for 5 slices"):
        pool(torch.ones(5, 4, 4), np.ones(3), 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8, torch.float16])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_dynamic_image_is_the_weighted_sum_of_numpy(axis: int, dtype: torch.dtype, monkeypatch) -> None:
    monkeypatch.setattr("bench.views.rank_pooling._PIECE", {"cpu": 100})  # a scan in several pieces
    x = scans().to(dtype)
    a = weights(SIZES[axis])
    expected = np.tensordot(x.double().numpy(), a, ([2 + axis], [0]))
    image = pool(x, a, axis)
    assert image.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-3)
    monkeypatch.setattr("bench.views.rank_pooling._PIECE", {"cpu": 10_000})  # several scans in a piece
    np.testing.assert_allclose(pool(x, a, axis), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_dynamic_image_does_not_depend_on_its_batch(axis: int, dtype: torch.dtype) -> None:
    x = (torch.rand(5, 1, 37, 41, 29, generator=torch.Generator().manual_seed(0)) * 255).to(dtype)
    a = weights(x.shape[2 + axis])
    together = pool(x, a, axis)
    assert torch.equal(together, torch.cat([pool(x[at : at + 1].clone(), a, axis) for at in range(5)]))
    assert torch.equal(together, pool(x, a, axis))


def test_the_dynamic_image_can_be_learnt_through_and_counts_its_operations() -> None:
    x = scans(sizes=(3, 4, 5)).double().requires_grad_()
    for axis, slices in enumerate((3, 4, 5)):
        a = torch.rand(slices, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x, a, axis=axis: pool(x, a, axis), (x, a))
        with FlopCounterMode(display=False) as counter:
            pool(x, a, axis)
        assert counter.get_total_flops() == 2 * x.numel()
    with torch.autocast("cpu", torch.bfloat16):
        assert pool(x.detach().float(), weights(3), 0).dtype == torch.float32


def test_the_dynamic_image_is_scaled_quantised_reversed_and_repeated() -> None:
    x = scans(2, 1)
    raw = Dynamic(scale="none")(x, SPACING).numpy()
    np.testing.assert_allclose(raw, np.tensordot(x.numpy(), weights(9), ([2], [0])), rtol=1e-5, atol=1e-3)
    low, high = raw.min((2, 3), keepdims=True), raw.max((2, 3), keepdims=True)
    scaled = Dynamic()(x, SPACING).numpy()
    np.testing.assert_allclose(scaled, (raw - low) / (high - low) * 255, rtol=1e-5, atol=1e-4)
    assert (scaled.min((2, 3)) == 0).all()
    assert (scaled.max((2, 3)) == 255).all()
    np.testing.assert_array_equal(Dynamic(quantise=True)(x, SPACING).numpy(), scaled.astype(np.uint8))
    np.testing.assert_allclose(Dynamic(reverse=True)(x, SPACING), Dynamic()(x.flip(2), SPACING), rtol=1e-4, atol=1e-2)
    assert torch.equal(Dynamic(channels=3)(x, SPACING), torch.from_numpy(scaled).expand(-1, 3, -1, -1))


def test_the_defaults_give_what_they_gave_before_planes_and_slabs_to_the_bit() -> None:
    for plane, axis in PLANES.items():
        image = pool(scans(1, 1), weights(SIZES[axis]), axis)
        low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
        assert torch.equal(Dynamic(plane=plane)(scans(1, 1), SPACING), (image - low) / (high - low) * 255)


def test_slices_of_zeros_weigh_nothing() -> None:
    x, remaining = scans(1, 1), [0, 1, 5, 6, 7, 8]
    x[:, :, 2:5] = 0
    expected = np.tensordot(weights(9)[remaining], x[0, 0, remaining].double().numpy(), 1)
    np.testing.assert_allclose(Dynamic(scale="none")(x, SPACING)[0, 0], expected, rtol=1e-4, atol=1e-3)
    assert SlidingDynamic("sagittal", 3)(x, SPACING)[:, :, 3].eq(0).all()


def test_the_view_of_an_image_is_the_image() -> None:
    image = effective(Dynamic(), (3, 8, 8))
    x = torch.rand(2, 3, 8, 8)
    assert isinstance(image, Image)
    assert torch.equal(image(x, (1.0, 1.0)), x)
    assert image.keeps((3, 8, 8), (1.0, 1.0))
    assert effective(Dynamic(), (1, 8, 8, 8)) == Dynamic()
