"""Grids of voxels: checks of an affine, closest axes, whether two files have the same grid, cropping and padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from bench.core import Scan

LIMIT = 1 << 31  # bytes of voxels, in the file and in memory; no scan of a head has more
SHEAR = 0.01  # largest cosine between two axes of a grid that count as orthogonal
THINNEST = 1e-4  # mm between voxels
VAST = 1e9  # mm: larger numbers in an affine are invalid
ROOM = 0.5  # voxels that an image and its mask may be apart
AGAIN = "copy or export it again"


def checked_affine(affine: np.ndarray) -> np.ndarray:
    """The affine (4, 4) itself. ValueError if it is not finite, singular or sheared."""
    import numpy as np

    if not (np.abs(affine) < VAST).all():  # false for NaN too
        raise ValueError(f"has NaN, infinite or very large numbers in its affine; {AGAIN}")
    steps = steps_of(affine)
    if not (steps > THINNEST).all() or abs(np.linalg.det(affine[:3, :3] / steps)) < SHEAR**2:
        raise ValueError(f"has a singular affine: its axes do not span three dimensions; {AGAIN}")
    axes = directions_of(affine)
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR:
        raise ValueError("has a sheared grid: its axes are not orthogonal; resample it to an orthogonal grid")
    return affine


def steps_of(affine: np.ndarray) -> np.ndarray:
    """Millimetres between voxels along the file's own axes."""
    import numpy as np

    return np.sqrt((affine[:3, :3] ** 2).sum(0))


def directions_of(affine: np.ndarray) -> np.ndarray:
    """Unit vectors along the file's own axes, (3, 3), one in each column."""
    return affine[:3, :3] / steps_of(affine)


def reoriented(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, tuple[float, ...], np.ndarray]:
    """A view of the voxels along the closest right-anterior-superior axes, their spacing, and their affine."""
    import numpy as np
    from nibabel.orientations import inv_ornt_aff, io_orientation

    turn = io_orientation(affine)
    order = np.argsort(turn[:, 0])
    flips = tuple(slice(None, None, int(sign)) for sign in turn[:, 1])
    spacing = tuple(round(float(step), 4) for step in steps_of(affine)[order])
    return values[flips].transpose(order), spacing, affine @ inv_ornt_aff(turn, values.shape)


def require_same_grid(image: Scan, mask: Scan, name: str) -> None:
    """Raise ValueError if the mask in the file `name` has other dimensions than its image, or lies elsewhere."""
    shape = image.image.shape[1:]
    if mask.image.shape[1:] != shape:
        have = mask.image.shape[1:]
        raise ValueError(f"{name} has dimensions {have}, but its image {shape}; give the mask of this image")
    apart = distance(image.affine, mask.affine, shape)
    if not apart <= ROOM * min(image.spacing):
        raise ValueError(
            f"{name} is up to {apart:.2f} mm away from its image, more than half a voxel; give both the same affine"
        )


def distance(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float:
    """Largest distance in millimetres between the positions of a voxel under two affines; it occurs at a corner."""
    import numpy as np

    corners = np.stack(np.meshgrid(*[(0, size - 1) for size in shape], [1], indexing="ij")).reshape(4, -1)
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def fitted(values: np.ndarray, shape: tuple[int, ...], outside: float) -> np.ndarray:
    """Crop the axes, or pad them with `outside`, around their centres; an odd remainder goes after."""
    import numpy as np

    result = np.full(shape, outside, values.dtype)
    source, target = [], []
    for have, want in zip(values.shape, shape, strict=True):
        both = min(have, want)
        target.append(slice((want - both) // 2, (want - both) // 2 + both))
        source.append(slice((have - both) // 2, (have - both) // 2 + both))
    result[tuple(target)] = values[tuple(source)]
    return result
