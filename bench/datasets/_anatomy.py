"""Heads made by a program: an average brain, where its ventricles and hippocampi are, and smooth random fields.

The average brain is the MNI152 template that nilearn brings along (ICBM 2009a, nonlinear, symmetric, skull-stripped).
Coordinates are millimetres in MNI space, right, anterior and superior positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

CORNER = (-90.0, -126.0, -72.0)  # of the box that all grids cover, as the usual MNI grid of 91 x 109 x 91 at 2 mm
EXTENT = (180.0, 216.0, 180.0)
STEP = 2.0  # millimetres of the atlas
HIPPOCAMPUS = ((24.0, -10.0, -20.0), (31.0, -34.0, -7.0), 8.0)  # the right one: both ends of its axis, and its radius
DEEP = 14.0  # millimetres below the surface where ventricles begin
VENTRICLES = ((-42.0, -52.0, -4.0), (42.0, 38.0, 34.0))  # the box that the lateral ventricles lie in
_LOCK = Lock()


@dataclass(frozen=True, eq=False)
class Atlas:
    """Maps of the average brain on the grid of `grid(STEP)`, (D, H, W) float32."""

    t1: np.ndarray  # intensity, 0 to 1
    tissue: np.ndarray  # grey and white matter, 0 to 1
    white: np.ndarray  # white matter, 0 to 1
    brain: np.ndarray  # 1 inside, smooth at the edge
    ventricles: np.ndarray  # millimetres from the surface of the lateral ventricles, negative inside


def grid_shape(mm: float) -> tuple[int, ...]:
    """Voxels of the grid of `mm` millimetres that covers the box: 91 x 109 x 91 at 2."""
    return tuple(int(extent // mm) + 1 for extent in EXTENT)


def grid(mm: float) -> list[np.ndarray]:
    """The x, y and z of every voxel, in millimetres, each of the grid's shape when broadcast."""
    import numpy as np

    axes = [low + mm * np.arange(size) for low, size in zip(CORNER, grid_shape(mm), strict=True)]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def atlas(mm: float) -> Atlas:
    """The average brain, smoothed as voxels of `mm` millimetres see it. Made once, whoever asks first."""
    with _LOCK:
        return _atlas(mm)


@lru_cache(maxsize=2)
def _atlas(mm: float) -> Atlas:
    import numpy as np
    from scipy import ndimage

    sharp = [_resampled(image) for image in _templates()]
    wider = 0.4 * (max(mm, STEP) ** 2 - STEP**2) ** 0.5 / STEP  # what smoothing is still to come, in atlas voxels
    t1, grey, white = (ndimage.gaussian_filter(image, wider, truncate=3) for image in sharp)
    inside = ndimage.binary_fill_holes(sharp[0] > 0.15)
    brain = ndimage.gaussian_filter(inside.astype(np.float32), 0.3 * max(mm, STEP) / STEP)
    tissue = np.clip(grey + white, 0, 1)
    return Atlas(t1, tissue, white, brain, _ventricles(1 - sharp[1] - sharp[2], inside))


def sample(maps: Sequence[np.ndarray], points: np.ndarray) -> list[np.ndarray]:
    """Values of maps on the atlas grid at `points` (3, D, H, W) in millimetres, the nearest ones outside the box."""
    import numpy as np
    from scipy import ndimage

    places = (points - np.array(CORNER).reshape(3, 1, 1, 1)) / STEP
    return [ndimage.map_coordinates(each, places, order=1, mode="nearest", output=np.float32) for each in maps]


def hippocampi(points: np.ndarray, loss: float = 0.0) -> np.ndarray:
    """Millimetres from the surface of the nearer hippocampus at `points` (3, D, H, W), negative inside: a capsule.

    loss: millimetres by which it is thinner. It shrinks towards its medial lower side, away from the temporal horn of
    the ventricle, which lies lateral and above.
    """
    import numpy as np

    start, end, radius = (np.array(part) for part in HIPPOCAMPUS)
    shift = loss / 2 * np.array([-0.6, 0.0, -0.8])
    axis = end - start
    x, y, z = (points[0], points[1], points[2])
    away = [np.abs(x) - start[0] - shift[0], y - start[1], z - start[2] - shift[2]]  # both sides are alike
    along = np.clip(sum(part * step for part, step in zip(away, axis, strict=True)) / (axis @ axis), 0, 1)
    squares = sum((part - along * step) ** 2 for part, step in zip(away, axis, strict=True))
    return np.sqrt(squares) - (radius - loss / 2)


def smooth_field(mm: float, knots: float, rng: np.random.Generator) -> np.ndarray:
    """A random field (D, H, W) on the grid, mean 0, deviation about 1, with structure of about `knots` millimetres."""
    import numpy as np

    bases = [_splines(size, mm, knots) for size in grid_shape(mm)]  # (voxels, knots) of each axis
    values = rng.standard_normal([basis.shape[1] for basis in bases])
    for basis in bases:
        values = np.tensordot(values, basis, axes=(0, 1))  # the axis in front goes to the back, with its voxels
    return values / SPREAD**1.5


SPREAD = 151 / 315  # the integral of the squared cubic B-spline: the variance that one axis leaves


@lru_cache(maxsize=32)
def _splines(size: int, mm: float, knots: float) -> np.ndarray:
    import numpy as np

    count = int(np.ceil((size - 1) * mm / knots)) + 4
    away = np.abs((np.arange(size) * mm / knots)[:, None] - (np.arange(count) - 1.5)[None])
    near = 2 / 3 - away**2 + away**3 / 2
    return np.where(away < 1, near, np.clip(2 - away, 0, None) ** 3 / 6)


def _templates() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """(values, origin) of intensity, grey and white matter, at 1 mm."""
    import numpy as np
    from nilearn.datasets import load_mni152_gm_template, load_mni152_template, load_mni152_wm_template

    loaders = (load_mni152_template, load_mni152_gm_template, load_mni152_wm_template)
    images = [load(resolution=1) for load in loaders]
    return tuple((np.asarray(image.dataobj, dtype=np.float32), image.affine[:3, 3]) for image in images)


def _resampled(template: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The template on the atlas grid, after smoothing to its voxels."""
    import numpy as np
    from scipy import ndimage

    values, origin = template
    values = ndimage.gaussian_filter(values, 0.4 * STEP, truncate=3)
    corner = np.round(np.array(CORNER) - origin).astype(int)
    rows = [int(start) + int(STEP) * np.arange(size) for start, size in zip(corner, grid_shape(STEP), strict=True)]
    return np.ascontiguousarray(values[np.ix_(*rows)])


def _ventricles(fluid: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Distance to the lateral ventricles: the largest pool of fluid deep inside their box."""
    import numpy as np
    from scipy import ndimage

    deep = (fluid > 0.5) & (ndimage.distance_transform_edt(inside, sampling=STEP) > DEEP)
    for points, low, high in zip(grid(STEP), *VENTRICLES, strict=True):
        deep = deep & (points >= low) & (points <= high)
    labels, _ = ndimage.label(deep)
    pool = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    outwards, inwards = (ndimage.distance_transform_edt(side, sampling=STEP) for side in (~pool, pool))
    return (np.where(pool, STEP / 2 - inwards, outwards - STEP / 2)).astype(np.float32)
