"""Tumours for slices of heads: location, appearance, displacement of the brain; and the head.

A glioma is irregular and deep, with a rim around a dead core and oedema in the surrounding white matter. A meningioma
is round and homogeneous, and grows inwards from the skull. An adenoma of the pituitary is small, homogeneous, and at
the midline of the base. Real tumours vary far more, and occur in three planes; these are cut through their centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.datasets import _anatomy, _heads
from bench.datasets._anatomy import Frame

if TYPE_CHECKING:
    import numpy as np

RADII = {"glioma": (12.0, 22.0), "meningioma": (9.0, 16.0), "pituitary": (7.0, 12.0)}  # millimetres, from and to
RAGGED = {"glioma": 0.3, "meningioma": 0.06, "pituitary": 0.06}  # deviation of the logarithm of the radius
SELLA = (0.0, 4.0)  # millimetres in MNI space: x and y of the pituitary
SHOWN = 1.5  # a tumour has 1 - exp(-SHOWN * effect) of its full contrast
PUSH = 0.3  # displacement at the tumour's edge, as a fraction of its radius, at an effect of 1
CALM = 12.0  # millimetres below the surface above which the brain moves ever less: the skull holds it


@dataclass(frozen=True)
class Lesion:
    """A tumour in the plane of a slice."""

    kind: str  # of RADII
    centre: tuple[float, float]  # x and y, millimetres in the frame of the slice
    radius: float  # millimetres


@dataclass(frozen=True, eq=False)
class LesionHead:
    """A slice through a head, with or without a tumour: shares of each pixel, (D, H, 1), but for `t1` and `surface`."""

    t1: np.ndarray  # intensity of the average brain, 0 to 1
    brain: np.ndarray
    white: np.ndarray
    surface: np.ndarray  # millimetres outwards from the inside of the skull
    solid: np.ndarray  # living tumour: the rim of a glioma, all of the others
    core: np.ndarray  # dead
    oedema: np.ndarray


def lesion(kind: str, z: float, rng: np.random.Generator) -> Lesion:
    """A tumour of a kind in the axial plane at `z`, at a typical location."""
    import numpy as np

    radius = float(rng.uniform(*RADII[kind]))
    if kind == "pituitary":
        x, y = (float(place + 1.5 * rng.standard_normal()) for place in SELLA)
        return Lesion(kind, (x, y + 0.3 * radius), radius)
    atlas = _anatomy.atlas(_anatomy.STEP)
    level = round((z - _anatomy.CORNER[2]) / _anatomy.STEP)
    depth, ventricles = -atlas.surface[:, :, level], atlas.ventricles[:, :, level]
    if kind == "glioma":
        allowed = (depth > 0.8 * radius + 4) & (ventricles > 0.4 * radius)
        allowed &= np.abs(_anatomy.grid(_anatomy.STEP)[0][:, :, 0]) > 8
    else:
        allowed = np.abs(depth - 0.6 * radius) < _anatomy.STEP
        x, y = (axis[:, :, 0] for axis in _anatomy.grid(_anatomy.STEP)[:2])
        allowed &= np.hypot(x - SELLA[0], y - SELLA[1]) > 32  # outside the region of adenomas
    places = np.argwhere(allowed)
    row, column = places[rng.integers(len(places))]
    x, y = (low + _anatomy.STEP * float(at) for low, at in zip(_anatomy.CORNER, (row, column), strict=False))
    return Lesion(kind, (x, y), radius)


def head(
    frame: Frame, bending: float, grown: Lesion | None, effect: float, rngs: list[np.random.Generator]
) -> LesionHead:
    """A person's slice. rngs: of the anatomy, of the tumour; draws for the tumour do not change the anatomy."""
    import numpy as np

    anatomy, ragged = rngs
    points = _heads.bent(frame, bending, anatomy)
    atlas = _anatomy.atlas(frame.step)
    thickness = 1 + 0.12 * bending * anatomy.standard_normal() + 0.08 * bending * frame.field(50.0, anatomy)
    (surface,) = _anatomy.sample([atlas.surface], points)
    surface = surface + _outside(points)
    away = None if grown is None else _away(frame, grown, ragged)
    if away is not None:
        points = _pushed(points, surface, grown, effect)
    t1, brain, white = _anatomy.sample((atlas.t1, atlas.brain, atlas.white), points)
    nothing = np.zeros_like(t1)
    parts = (nothing, nothing, nothing) if away is None else _parts(frame, grown, away, white, surface, ragged)
    shown = 1 - np.exp(-SHOWN * effect)
    surface = np.where(surface > 0, surface / np.clip(thickness, 0.5, 2), surface)
    return LesionHead(t1, brain, white, surface, *(shown * part for part in parts))


def _outside(points: np.ndarray) -> np.ndarray:
    """Millimetres from the box of the atlas, 0 inside."""
    import numpy as np

    low = np.array(_anatomy.CORNER).reshape(3, 1, 1, 1)
    high = low + np.array(_anatomy.EXTENT).reshape(3, 1, 1, 1)
    return np.sqrt(((points - np.clip(points, low, high)) ** 2).sum(axis=0))


def _away(frame: Frame, grown: Lesion, rng: np.random.Generator) -> np.ndarray:
    """Millimetres from the tumour's ragged edge, negative inside."""
    import numpy as np

    points = frame.points()
    distance = np.hypot(points[0] - grown.centre[0], points[1] - grown.centre[1])
    uneven = 0.85 * frame.field(14.0, rng) + 0.5 * frame.field(6.0, rng)
    return distance * np.exp(RAGGED[grown.kind] * uneven) - grown.radius


def _pushed(points: np.ndarray, surface: np.ndarray, grown: Lesion, effect: float) -> np.ndarray:
    """The position in the average brain of each pixel, after the tumour has displaced its surroundings."""
    import numpy as np

    offset = points[:2] - np.array(grown.centre).reshape(2, 1, 1, 1)
    distance = np.sqrt((offset**2).sum(axis=0)) + 1e-3
    held = np.clip(-surface / CALM, 0, 1)
    far = np.exp(-np.clip(distance - grown.radius, 0, None) / (1.2 * grown.radius))
    push = PUSH * min(effect, 2.0) * np.minimum(grown.radius, distance) * far * held
    moved = points.copy()
    moved[:2] -= push * offset / distance
    return moved


def _parts(
    frame: Frame,
    grown: Lesion,
    away: np.ndarray,
    white: np.ndarray,
    surface: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Living tumour, dead core and oedema."""
    import numpy as np
    from scipy.special import expit

    inside = expit(-away / 0.8)
    if grown.kind != "pituitary":  # an adenoma lies in a hollow of the bone
        inside = inside * expit((_heads.GAP - 0.5 - surface) / 0.7)
    if grown.kind != "glioma":
        return inside, np.zeros_like(inside), np.zeros_like(inside)
    rim = 0.30 * grown.radius * np.exp(0.35 * frame.field(9.0, rng))
    dead = expit((-away - rim) / 0.8) * inside
    uneven = np.clip(0.8 + 0.25 * frame.field(7.0, rng), 0.2, 1)
    wide = expit((0.75 * grown.radius + 6.0 * frame.field(12.0, rng) - away) / 1.5)
    return inside * (1 - dead) * uneven, dead, wide * np.clip(0.25 + 1.2 * white, 0, 1) * (1 - inside)
