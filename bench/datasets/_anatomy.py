"""Synthetic heads: an average brain, where its ventricles and hippocampi are, and smooth random fields.

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

SOURCE = "made by bench from the MNI152 template that nilearn brings along"
LICENCE = (
    "template: copyright 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute,"
    " McGill University; free to use, copy, modify and distribute with this notice"
)
CITATION = (
    "Fonov VS, Evans AC, McKinstry RC, Almli CR, Collins DL. Unbiased nonlinear average age-appropriate brain"
    " templates from birth to adulthood. NeuroImage 47(S1):S102, 2009. doi:10.1016/S1053-8119(09)70884-5"
)
CORNER = (-90.0, -126.0, -72.0)  # of the box that all grids cover, as the usual MNI grid of 91 x 109 x 91 at 2 mm
EXTENT = (180.0, 216.0, 180.0)
STEP = 2.0  # millimetres of the atlas
HIPPOCAMPUS = ((24.0, -10.0, -20.0), (31.0, -34.0, -7.0), 8.0)  # the right one: both ends of its axis, and its radius
DEEP = 14.0  # millimetres below the surface where ventricles begin
VENTRICLES = ((-42.0, -52.0, -4.0), (42.0, 38.0, 34.0))  # the box that contains the lateral ventricles
FOLD = 5.0  # millimetres over which the average brain's sulci go from fluid to tissue
REACHED = 30.0  # millimetres below the surface beyond which there is no sulcus
CLOSED = 16.0  # millimetres: gaps of up to twice this between the lobes are filled under the skull
_LOCK = Lock()


@dataclass(frozen=True, eq=False)
class Atlas:
    """Maps of the average brain on the grid of `grid(STEP)`, (D, H, W) float32."""

    t1: np.ndarray  # intensity, 0 to 1
    tissue: np.ndarray  # grey and white matter, 0 to 1
    white: np.ndarray  # white matter, 0 to 1
    brain: np.ndarray  # 1 inside, smooth at the edge
    ventricles: np.ndarray  # millimetres from the surface of the lateral ventricles, negative inside
    sulci: np.ndarray  # about millimetres from the fluid between the folds, negative inside
    surface: np.ndarray  # millimetres outwards from the brain with its folds filled, negative inside


@dataclass(frozen=True)
class Frame:
    """Positions of the voxels of a volume or of a slice, in millimetres from CORNER."""

    places: tuple[tuple[float, ...], ...]  # along x, y and z
    extent: tuple[float, ...] = EXTENT  # of the box that random fields are drawn over: slices of it share them

    @classmethod
    def whole(cls, mm: float) -> Frame:
        """The grid of `mm` millimetres that covers the box."""
        sizes = grid_shape(mm)
        places = tuple(tuple(mm * voxel for voxel in range(size)) for size in sizes)
        return cls(places, tuple((size - 1) * mm for size in sizes))

    @classmethod
    def slice(cls, z: float, size: int, mm: float) -> Frame:
        """The axial plane at `z`: (size, size, 1) voxels of `mm` millimetres around the middle of the box."""
        steps = [mm * (voxel - (size - 1) / 2) for voxel in range(size)]
        x, y = (tuple(extent / 2 + step for step in steps) for extent in EXTENT[:2])
        return cls((x, y, (z - CORNER[2],)))

    def affine(self) -> np.ndarray:
        """From voxels of equal edges to millimetres in MNI space, (4, 4)."""
        import numpy as np

        found = np.diag([self.step, self.step, self.step, 1.0])
        found[:3, 3] = [low + places[0] for low, places in zip(CORNER, self.places, strict=True)]
        return found

    @property
    def step(self) -> float:
        """Millimetres from one voxel to the next along x."""
        return self.places[0][1] - self.places[0][0]

    def points(self) -> np.ndarray:
        """Millimetres in MNI space: (3, D, H, W)."""
        import numpy as np

        axes = [low + np.array(places) for low, places in zip(CORNER, self.places, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"))

    def field(self, knots: float, rng: np.random.Generator) -> np.ndarray:
        """A random field (D, H, W), mean 0, deviation about 1, with structure of about `knots` millimetres."""
        import numpy as np

        bases = [_splines(places, extent, knots) for places, extent in zip(self.places, self.extent, strict=True)]
        values = rng.standard_normal([basis.shape[1] for basis in bases])
        if len(self.places[2]) == 1:  # a slice: the axis with one voxel first
            return (bases[0] @ (values @ bases[2][0]) @ bases[1].T)[..., None] / SPREAD**1.5
        for basis in bases:
            values = np.tensordot(values, basis, axes=(0, 1))  # moves the first axis to the end
        return values / SPREAD**1.5


def grid_shape(mm: float) -> tuple[int, ...]:
    """Voxels of the grid of `mm` millimetres that covers the box: 91 x 109 x 91 at 2."""
    return tuple(int(extent // mm) + 1 for extent in EXTENT)


def grid(mm: float) -> list[np.ndarray]:
    """The x, y and z of every voxel, in millimetres, each of the grid's shape when broadcast."""
    import numpy as np

    axes = [low + mm * np.arange(size) for low, size in zip(CORNER, grid_shape(mm), strict=True)]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def atlas(mm: float) -> Atlas:
    """The average brain, smoothed to voxels of `mm` millimetres. Computed once per process."""
    with _LOCK:
        return _atlas(max(mm, STEP))


@lru_cache(maxsize=4)
def _atlas(mm: float) -> Atlas:
    import numpy as np
    from scipy import ndimage

    (*sharp, inside), distances = _sharp()
    wider = 0.4 * (mm**2 - STEP**2) ** 0.5 / STEP  # remaining smoothing, in atlas voxels
    t1, grey, white = (ndimage.gaussian_filter(image, wider, truncate=3) for image in sharp)
    brain = ndimage.gaussian_filter(inside.astype(np.float32), 0.3 * mm / STEP)
    return Atlas(t1, np.clip(grey + white, 0, 1), white, brain, *distances)


@lru_cache(maxsize=1)
def _sharp() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Intensity, grey and white matter and the inside of the brain; distances to ventricles, sulci and surface."""
    from scipy import ndimage

    sharp = [_resampled(image) for image in _templates()]
    inside = ndimage.binary_fill_holes(sharp[0] > 0.15)
    fluid = 1 - sharp[1] - sharp[2]
    ventricles = _ventricles(fluid, inside)
    return [*sharp, inside], [ventricles, _sulci(fluid, inside, ventricles), _surface(inside)]


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
    away = [np.abs(x) - start[0] - shift[0], y - start[1], z - start[2] - shift[2]]  # both sides are symmetric
    along = np.clip(sum(part * step for part, step in zip(away, axis, strict=True)) / (axis @ axis), 0, 1)
    squares = sum((part - along * step) ** 2 for part, step in zip(away, axis, strict=True))
    return np.sqrt(squares) - (radius - loss / 2)


def smooth_field(mm: float, knots: float, rng: np.random.Generator) -> np.ndarray:
    """A random field (D, H, W) on the grid, mean 0, deviation about 1, with structure of about `knots` millimetres."""
    return Frame.whole(mm).field(knots, rng)


SPREAD = 151 / 315  # the integral of the squared cubic B-spline: the variance that one axis leaves


@lru_cache(maxsize=256)
def _splines(places: tuple[float, ...], extent: float, knots: float) -> np.ndarray:
    """(voxels, knots) of one axis: cubic B-splines."""
    import numpy as np

    count = int(np.ceil(extent / knots)) + 4
    away = np.abs((np.array(places) / knots)[:, None] - (np.arange(count) - 1.5)[None])
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


def _sulci(fluid: np.ndarray, inside: np.ndarray, ventricles: np.ndarray) -> np.ndarray:
    """From the share of fluid, which falls by one over about FOLD millimetres; nothing near the ventricles."""
    import numpy as np
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(inside, sampling=STEP)
    outer = np.clip((ventricles - 8) / 6, 0, 1) * np.clip((REACHED - depth) / 10, 0, 1) * inside
    return (FOLD * (0.5 - np.clip(fluid, 0, 1) * outer)).astype(np.float32)


def _surface(inside: np.ndarray) -> np.ndarray:
    """Distance to the brain after a closing by CLOSED millimetres, in a wider box so that it meets no edge."""
    import numpy as np
    from scipy import ndimage

    wide = int(2 * CLOSED / STEP)
    padded = np.pad(inside, wide)
    near = ndimage.distance_transform_edt(~padded, sampling=STEP) < CLOSED
    closed = ndimage.distance_transform_edt(near, sampling=STEP) > CLOSED
    outwards, inwards = (ndimage.distance_transform_edt(side, sampling=STEP) for side in (~closed, closed))
    distance = np.where(closed, STEP / 2 - inwards, outwards - STEP / 2)
    return ndimage.gaussian_filter(distance, 1.0)[(slice(wide, -wide),) * 3].astype(np.float32)
