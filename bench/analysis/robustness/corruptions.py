"""What may be wrong with a scan, at five strengths: artefacts of the scanner and of whoever lies in it.

Simulated by torchio (Pérez-García et al., 2021, arXiv 2003.04696) and MONAI, on prepared scans, before the view and the
normalisation. Kinds follow ROOD-MRI (Boone et al., NeuroImage 2023, arXiv 2203.06060); the ladders are this project's
own: equal names elsewhere need not mean equal strengths. Strength 0 is the scan itself. Ghosts, spikes and motion are
made in k-space: on CT they are disturbances like others, and no scanner's.

Axes, directions and patterns are drawn from a seed of (scan, corruption, strength): every network is asked of the very
same scan. Masks and the grid stay as they are. Scans kept as bytes stay bytes: rounded, and cut to 0 to 255.
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

Disturb = Callable[[np.ndarray, tuple[float, ...], float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """A way to disturb a scan. levels: at strengths 1 to 5, in the unit that `meaning` names."""

    name: str
    meaning: str
    levels: tuple[float, ...]
    disturb: Disturb  # of (C, ...), float32; its spacing in mm, a level, and what axes and patterns are drawn with


def corrupted(scan: np.ndarray, spacing: tuple[float, ...], name: str, strength: int, scan_id: str) -> np.ndarray:
    """The scan disturbed, in its own shape and type; strength 0 is the scan itself. scan: (C, D, H, W) or (C, H, W)."""
    corruption = named(name)
    if not 0 <= strength <= STRENGTHS:
        raise BenchError(f"strengths are 0 to {STRENGTHS}, not {strength}")
    if strength == 0:
        return scan
    rng = np.random.default_rng(seed_of("stress", VERSION, scan_id, name, strength))
    given = np.asarray(scan, np.float32)
    with torch.random.fork_rng(devices=[]):  # torchio draws whether to do what it is told
        found = np.asarray(corruption.disturb(given, tuple(spacing), corruption.levels[strength - 1], rng))
    if scan.dtype == np.uint8:
        return np.clip(np.rint(found), 0, 255).astype(np.uint8)
    return found.astype(scan.dtype, copy=False)


def named(name: str) -> Corruption:
    """The corruption of that name. BenchError with the nearest name."""
    if name not in CORRUPTIONS:
        raise BenchError(f"no corruption {name!r}; {registry.did_you_mean(name, CORRUPTIONS)}")
    return CORRUPTIONS[name]


def ghosting(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Copies of the head along one axis: every n-th plane of k-space, n from 2 to 5, loses `level` of itself."""
    import torchio

    axis, ghosts = int(rng.integers(x.ndim - 1)), int(rng.integers(2, 6))
    return _by(torchio.Ghosting(ghosts, axis, level, restore=0.02), x, spacing)


def spikes(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Stripes across the scan: one place of k-space, not next to its middle, gains `level` of the highest one."""
    import torchio

    away = rng.uniform(0.1, 0.45, x.ndim - 1) * rng.choice([-1, 1], x.ndim - 1)
    return _by(torchio.Spike(np.array([[*(0.5 + away), *([0.0] * (4 - x.ndim))]]), level), x, spacing)


def bias_field(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Uneven brightness: times the exponential of a cubic polynomial, coefficients up to `level`, no constant.

    Van Leemput et al., IEEE TMI 1999; Sudre et al., 2017.
    """
    import torchio

    coefficients = [0.0, *rng.uniform(-level, level, 19)]  # of 20 terms up to the third order
    return _by(torchio.BiasField(coefficients, 3), x, spacing)


def motion(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Two movements while k-space is filled, each by `level` degrees and mm at the most (Shaw et al., MIDL 2019).

    About the middle of the grid; the position that the middle of k-space saw is that of the scan.
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
    moved = torchio.Motion(degrees, shifts, times, "linear")
    found = np.moveaxis(_by(moved, turned, tuple(spacing[axis] for axis in order)), 3, 1 + phase)
    return found[:, 0] if flat else found


def noise(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Rician noise, as magnitudes have it, of a deviation of `level` times the scan's 99th percentile."""
    from monai.transforms import RandRicianNoise

    deviation = level * float(np.percentile(np.abs(x), 99))
    add = RandRicianNoise(prob=1.0, std=deviation, sample_std=False)
    add.set_random_state(int(rng.integers(2**31)))
    return np.asarray(add(x.copy()))


def blur(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian of `level` millimetres' deviation along every axis."""
    from monai.transforms import GaussianSmooth

    return np.asarray(GaussianSmooth([level / step for step in spacing])(x))


def anisotropy(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Slices `level` times as thick along one axis, after a Gaussian of their width, brought back to the grid."""
    import torchio

    flat, axis = x.ndim == 3, int(rng.integers(x.ndim - 1))
    x, spacing = (np.repeat(x[..., None], 4, 3), (*spacing, 1.0)) if flat else (x, spacing)  # ITK wants four slices
    scan = _scan(x, spacing)
    steps = tuple(step * level if at == axis else step for at, step in enumerate(spacing))
    thick = torchio.Resample(steps, antialias=True)(scan)
    found = _array(torchio.Resample((scan.spatial_shape, scan.affine))(thick), x)
    return found[..., 0] if flat else found


def contrast(x: np.ndarray, spacing: tuple[float, ...], level: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness between lowest and highest to the power of `level`, or of its inverse: another scanner's contrast."""
    from monai.transforms import AdjustContrast

    return np.asarray(AdjustContrast(level if rng.random() < 0.5 else 1 / level)(x))


def _by(transform: torchio.Transform, x: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    return _array(transform(_scan(x, spacing)), x)


def _scan(x: np.ndarray, spacing: tuple[float, ...]) -> torchio.ScalarImage:
    """As torchio has it, (C, D, H, W), about the middle of the grid; an image is a volume of one slice."""
    import torchio

    whole = x if x.ndim == 4 else x[..., None]
    steps = [*spacing, *([1.0] * (4 - x.ndim))]
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = [-step * (size - 1) / 2 for step, size in zip(steps, whole.shape[1:], strict=True)]
    return torchio.ScalarImage(tensor=torch.from_numpy(whole.copy()), affine=affine)


def _array(scan: torchio.ScalarImage, like: np.ndarray) -> np.ndarray:
    found = scan.data.numpy().reshape(like.shape)
    if not math.isfinite(float(found.sum(dtype=np.float64))):
        raise ArithmeticError("a corrupted scan holds what is no number")
    return found


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
