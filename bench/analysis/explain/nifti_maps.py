"""From saliency on a network's input to maps of the volume: by the view it was shown, in the scan's own millimetres.

An image, (H, W), is handled as a volume of one slice, (H, W, 1), all the way.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.views import PLANES, Dynamic, Image, Orthogonal, SlidingDynamic, View
from bench.views.backproject import carry_back, windows_back
from bench.views.jacobian import sees, traced


def deep(array: np.ndarray, axes: int) -> np.ndarray:
    """An array whose last `axes` axes are the scan's, with a third one for an image's."""
    return array if axes == 3 else array[..., None]


def axis_of(view: View) -> int:
    """The spatial axis that an image of this view has no extent along; the last one where there are several or none."""
    return PLANES.get(getattr(view, "plane", "axial"), PLANES["axial"])


def plane_of(view: View, saliency: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """The map of one scan as an image: the channels of its saliency (C', rows, columns) summed.

    Of three planes at once, and of a saliency of the volume, it is `volume`, carried back, summed along the last axis.
    """
    several = isinstance(view, Orthogonal) or getattr(view, "plane", "") == "all"
    return volume.sum(axis_of(view)) if saliency.ndim == 4 or several else saliency.sum(0)


def seen(view: View, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """(D, H, W): the voxels that a view looks at. shape: of a prepared scan, with its channels."""
    return np.ones((*shape[1:], 1), bool) if len(shape) == 3 else sees(view, shape, spacing)


def volume_of(
    view: View, saliency: np.ndarray, scan: np.ndarray, spacing: tuple[float, ...], by: str = "weights"
) -> np.ndarray:
    """The map (D, H, W) of one scan. saliency: (C', ...) on what the network read; scan: (C, D, H, W), prepared.

    by: `weights`, a pixel goes to the voxels it was made of by how much each counts; `contribution`, times what it
    held. On an image nothing is carried: (C, H, W) to (H, W, 1).
    """
    if isinstance(view, Image):
        return saliency.sum(0)[..., None]
    if isinstance(view, SlidingDynamic):
        return windows_back(view, saliency, scan, by)
    if isinstance(view, Dynamic):
        return carry_back(view, saliency, scan.astype(float), by=by)
    return traced(view, saliency, scan, spacing, by)


def affine_of(affine: np.ndarray, spacing: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Where a scan's map lies: as the scan; an image about the middle of its pixels."""
    if len(spacing) == 3:
        return affine
    found = np.diag([*spacing, 1.0, 1.0])
    found[:2, 3] = [-step * (size - 1) / 2 for step, size in zip(spacing, shape[1:], strict=True)]
    return found


def write_nifti(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """A map (D, H, W) as float32, where its scan lies."""
    import nibabel as nib

    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), path)
