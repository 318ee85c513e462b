"""Corruptions of a scan at five strengths: artefacts of the scanner and of the person in it.

Simulated by torchio (Pérez-García et al., 2021, arXiv 2003.04696) and MONAI, on prepared scans, before the view and the
normalisation. Kinds follow ROOD-MRI (Boone et al., NeuroImage 2023, arXiv 2203.06060); the ladders are this project's
own: equal names elsewhere need not mean equal strengths. Strength 0 is the scan itself. Ghosts, spikes and motion are
simulated in k-space; no CT scanner produces them.

Axes, directions and patterns are drawn from a seed of (scan, corruption, strength), so that all networks get the same
scan. Masks and grid do not change. Scans stored as uint8 stay uint8: rounded, and clipped to 0 to 255.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench import registry
from bench.core import BenchError, seed_of
from bench.storage.robustness_cache import STRENGTHS, VERSION

if TYPE_CHECKING:
    import torchio

CorruptFunction = Callable[[np.ndarray, tuple[float, ...], float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption. levels: at strengths 1 to 5, in the unit that `meaning` names."""

    name: str
    meaning: str
    levels: tuple[float, ...]
    apply: CorruptFunction  # scan (C, ...) of float32, spacing in mm, level, generator of random axes and patterns


def corrupt_scan(scan: np.ndarray, spacing: tuple[float, ...], name: str, strength: int, scan_id: str) -> np.ndarray:
    """A corrupted copy of the scan, in its own shape and type; strength 0 returns the scan itself.

    scan: (C, D, H, W) or (C, H, W), prepared. spacing: in mm. scan_id: seeds what is random, with name and strength.
    BenchError for an unknown corruption or strength, ArithmeticError if a value of the result is not finite.
    """
    corruption = find_corruption(name)
    if not 0 <= strength <= STRENGTHS:
        raise BenchError(f"strengths are 0 to {STRENGTHS}, not {strength}")
    if strength == 0:
        return scan
    rng = np.random.default_rng(seed_of("stress", VERSION, scan_id, name, strength))
    values, level = np.asarray(scan, np.float32), corruption.levels[strength - 1]
    with torch.random.fork_rng(devices=[]):  # torchio draws whether to apply a transform, although it always does
        corrupted = np.asarray(corruption.apply(values, tuple(spacing), level, rng))
    if scan.dtype == np.uint8:
        return np.clip(np.rint(corrupted), 0, 255).astype(np.uint8)
    return corrupted.astype(scan.dtype, copy=False)


def find_corruption(name: str) -> Corruption:
    """The corruption of that name. BenchError with the nearest name."""
    if name not in CORRUPTIONS:
        raise BenchError(f"no corruption {name!r}; {registry.did_you_mean(name, CORRUPTIONS)}")
    return CORRUPTIONS[name]


def ghosting(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Copies of the head along one axis: every n-th plane of k-space, n from 2 to 5, loses the share `level`."""
    import torchio

    axis, ghosts = int(rng.integers(x.ndim - 1)), int(rng.integers(2, 6))
    return _transformed(torchio.Ghosting(ghosts, axis, level, restore=0.02), x, spacing)


def spikes(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Stripes across the scan: one point of k-space, off its centre, gains `level` times the highest value."""
    import torchio

    away = rng.uniform(0.1, 0.45, x.ndim - 1) * rng.choice([-1, 1], x.ndim - 1)
    return _transformed(torchio.Spike(np.array([[*(0.5 + away), *([0.0] * (4 - x.ndim))]]), level), x, spacing)


def bias_field(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Uneven brightness: a factor exp(p), p a cubic polynomial without constant, coefficients up to `level`.

    Van Leemput et al., IEEE TMI 1999; Sudre et al., 2017.
    """
    import torchio

    coefficients = [0.0, *rng.uniform(-level, level, 19)]  # of 20 terms up to the third order
    return _transformed(torchio.BiasField(coefficients, 3), x, spacing)


def motion(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Two movements during the acquisition, each by at most `level` degrees and mm (Shaw et al., MIDL 2019).

    Rotations are about the middle of the grid; the centre of k-space is acquired in the position of the scan.
    """
    import torchio

    flat = x.ndim == 3
    x, spacing = (x[:, None], (1.0, *spacing)) if flat else (x, spacing)
    phase = int(rng.integers(1 if flat else 0, 3))  # the axis that takes time; torchio fills the last one
    order = [*(axis for axis in range(3) if axis != phase), phase]
    turned = np.ascontiguousarray(np.moveaxis(x, 1 + phase, 3))
    degrees, shifts = (level * rng.uniform(0.5, 1, (2, 3)) * rng.choice([-1, 1], (2, 3)) for _ in range(2))
    if flat:
        degrees[:, 1:], shifts[:, 0] = 0, 0  # in the plane of the image
    times = np.sort(rng.uniform(0.1, 0.9, 2))
    transform = torchio.Motion(degrees, shifts, times, "linear")
    moved = _transformed(transform, turned, tuple(spacing[axis] for axis in order))
    moved = np.moveaxis(moved, 3, 1 + phase)
    return moved[:, 0] if flat else moved


def noise(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Rician noise, as in magnitude images, with a deviation of `level` times the scan's 99th percentile."""
    from monai.transforms import RandRicianNoise

    deviation = level * float(np.percentile(np.abs(x), 99))
    add = RandRicianNoise(prob=1.0, std=deviation, sample_std=False)
    add.set_random_state(int(rng.integers(2**31)))
    return np.asarray(add(x.copy()))


def blur(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian filter with a deviation of `level` millimetres along every axis."""
    from monai.transforms import GaussianSmooth

    return np.asarray(GaussianSmooth([level / step for step in spacing])(x))


def anisotropy(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Slices `level` times as thick along one axis, after a Gaussian filter of their width, resampled to the grid."""
    import torchio

    flat, axis = x.ndim == 3, int(rng.integers(x.ndim - 1))
    x, spacing = (np.repeat(x[..., None], 4, 3), (*spacing, 1.0)) if flat else (x, spacing)  # ITK wants four slices
    scan = _scan(x, spacing)
    steps = tuple(step * level if at == axis else step for at, step in enumerate(spacing))
    thick = torchio.Resample(steps, antialias=True)(scan)
    resampled = _array(torchio.Resample((scan.spatial_shape, scan.affine))(thick), x)
    return resampled[..., 0] if flat else resampled


def contrast(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Another contrast: intensities, scaled to [0, 1], to the power of `level` or of its inverse."""
    from monai.transforms import AdjustContrast

    return np.asarray(AdjustContrast(level if rng.random() < 0.5 else 1 / level)(x))


def _transformed(transform: torchio.Transform, x: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    return _array(transform(_scan(x, spacing)), x)


def _scan(x: np.ndarray, spacing: tuple[float, ...]) -> torchio.ScalarImage:
    """The scan as torchio reads it, (C, D, H, W), centred on its grid; an image is a volume of one slice."""
    import torchio

    volume = x if x.ndim == 4 else x[..., None]
    steps = [*spacing, *([1.0] * (4 - x.ndim))]
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = [-step * (size - 1) / 2 for step, size in zip(steps, volume.shape[1:], strict=True)]
    return torchio.ScalarImage(tensor=torch.from_numpy(volume.copy()), affine=affine)


def _array(scan: torchio.ScalarImage, like: np.ndarray) -> np.ndarray:
    values = scan.data.numpy().reshape(like.shape)
    if not math.isfinite(float(values.sum(dtype=np.float64))):
        raise ArithmeticError("a corrupted scan has values that are not finite")
    return values


CORRUPTIONS = {
    one.name: one
    for one in (
        Corruption("ghosting", "part of every n-th plane of k-space that is lost", (0.2, 0.4, 0.6, 0.8, 1), ghosting),
        Corruption("spikes", "of the highest value in k-space", (0.1, 0.25, 0.5, 0.75, 1), spikes),
        Corruption("bias_field", "highest coefficient of the polynomial", (0.1, 0.2, 0.3, 0.4, 0.5), bias_field),
        Corruption("motion", "degrees and millimetres", (1, 2, 4, 7, 10), motion),
        Corruption("noise", "deviation, of the 99th percentile", (0.02, 0.05, 0.08, 0.12, 0.2), noise),
        Corruption("blur", "deviation in millimetres", (0.5, 1, 1.5, 2, 3), blur),
        Corruption("anisotropy", "thickness of slices, in voxels", (1.5, 2, 3, 4, 6), anisotropy),
        Corruption("contrast", "power, or its inverse", (1.1, 1.25, 1.5, 2, 3), contrast),
    )
}
