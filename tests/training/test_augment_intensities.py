"""Transforms of intensities, against numpy and scipy; masks stay as they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.polynomial.legendre import leggrid2d, leggrid3d
from scipy.ndimage import gaussian_filter, map_coordinates

from bench.method.augmentation_policies import TRANSFORMS
from bench.training.augment import bias_field
from bench.training.augment.augmenter import change
from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import ScanRandom

RANDOM = ScanRandom(5, 10)
KINDS = ("bias_field", "noise", "blur", "contrast", "low_resolution", "gamma")
SHAPE = (2, 14, 17, 12)


def scan_of(shape=SHAPE):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(gaussian_filter(rng.normal(size=shape), 1) * 40 + 60).float()
    return ChangedScan(x, torch.from_numpy(rng.integers(0, 3, shape[1:])), (2.0,) * (len(shape) - 1), RANDOM)


def changed(kind, shape=SHAPE, step=0, **strength):
    scan, before = scan_of(shape), scan_of(shape)
    own = TRANSFORMS[kind]
    one = own if not strength else type(own)(kind, kind, 1.0, strength, "")
    change(scan, [(one, RANDOM.of_scan(kind, step, 0))])
    assert torch.equal(scan.mask, before.mask)
    return before.x.double().numpy(), scan.x.double().numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [SHAPE, (1, 15, 20)], ids=["3d", "2d"])
def test_the_scan_changes_and_its_mean_hardly(kind, shape):
    x, new = changed(kind, shape)
    assert new.shape == x.shape
    assert np.isfinite(new).all()
    assert abs(new - x).max() > 0.01 * x.std()
    assert new.mean() == pytest.approx(x.mean(), rel=0.05)


def test_noise_is_white_with_a_share_of_the_deviation_of_each_channel():
    x, new = changed("noise", (2, 40, 40, 40), deviation=(0.2, 0.2))
    noise = (new - x) / x.std((1, 2, 3), keepdims=True)
    assert noise[0].std() == pytest.approx(0.2, rel=0.01)
    assert abs(noise.mean()) < 0.002
    spectrum = abs(np.fft.fftn(noise[0] - noise[0].mean())) ** 2
    assert spectrum[:20, :20, :20].mean() == pytest.approx(spectrum.mean(), rel=0.05)
    assert np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_the_noise_of_other_scans_and_steps_is_another():
    first = [changed("noise", step=step) for step in range(6)]
    fields = np.stack([(new - x).ravel() for x, new in first])
    assert abs(np.corrcoef(fields) - np.eye(6)).max() < 0.1


def test_blur_is_the_gaussian_of_scipy():
    x, new = changed("blur", sigma=(0.8, 0.8))
    np.testing.assert_allclose(new, gaussian_filter(x, (0, 0.8, 0.8, 0.8), mode="nearest", truncate=5), atol=1e-3)


def test_gamma_is_that_of_nnunet_and_keeps_mean_and_deviation():
    x, new = changed("gamma", power=(1.4, 1.4))
    for before, after in zip(x, new, strict=True):
        bent = ((before - before.min()) / np.ptp(before)) ** 1.4
        expected = (bent - bent.mean()) / bent.std() * before.std() + before.mean()
        np.testing.assert_allclose(after, expected, atol=1e-3)
    inverted = changed("gamma", power=(1.4, 1.4), inverted=(1, 1))[1]
    mirrored = -x
    bent = ((mirrored[0] - mirrored[0].min()) / np.ptp(mirrored[0])) ** 1.4
    expected = -((bent - bent.mean()) / bent.std() * mirrored[0].std() + mirrored[0].mean())
    np.testing.assert_allclose(inverted[0], expected, atol=1e-3)


def test_contrast_stretches_about_the_mean_within_the_range():
    x, new = changed("contrast", factor=(1.3, 1.3))
    for before, after in zip(x, new, strict=True):
        expected = ((before - before.mean()) * 1.3 + before.mean()).clip(before.min(), before.max())
        np.testing.assert_allclose(after, expected, atol=1e-3)


@pytest.mark.parametrize(("shape", "grid"), [(SHAPE, leggrid3d), ((2, 14, 17), leggrid2d)], ids=["3d", "2d"])
def test_a_bias_field_is_a_legendre_polynomial_with_a_mean_factor_of_one(shape, grid):
    x, new = changed("bias_field", shape)
    drawn = bias_field.legendre_coefficients(
        len(shape) - 1, TRANSFORMS["bias_field"].strength, RANDOM.of_scan("bias_field", 0, 0)
    )
    places = [(2 * np.arange(size) + 1) / size - 1 for size in shape[1:]]
    factor = np.exp(grid(*places, drawn))
    np.testing.assert_allclose(new / x, np.broadcast_to(factor / factor.mean(), x.shape), rtol=1e-4)
    assert np.count_nonzero(drawn) == math.comb(len(shape) + 2, 3) - 1


def test_low_resolution_keeps_the_nearest_voxels_and_joins_them_linearly():
    x, new = changed("low_resolution", side=(0.5, 0.5))
    fewer = [round(size / 2) for size in SHAPE[1:]]
    places = [np.floor((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(fewer, SHAPE[1:], strict=True)]
    back = [(np.arange(size) + 0.5) * n / size - 0.5 for n, size in zip(fewer, SHAPE[1:], strict=True)]
    grid = np.stack(np.meshgrid(*back, indexing="ij"))
    expected = [map_coordinates(each[np.ix_(*places)], grid, order=1, mode="nearest") for each in x]
    np.testing.assert_allclose(new, expected, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_scan_stays_finite(kind):
    scan = ChangedScan(torch.full((1, 8, 8, 8), 5.0), None, (1.0,) * 3, RANDOM)
    change(scan, [(TRANSFORMS[kind], RANDOM.of_scan(kind, 0, 0))])
    assert bool(torch.isfinite(scan.x).all())
