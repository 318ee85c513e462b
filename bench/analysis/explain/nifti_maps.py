"""From saliency on a network's input to maps of the scan, through the view that the network reads; NIfTI files of them.

An image, (H, W), is a volume of one slice, (H, W, 1), everywhere here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.views import PLANES, Dynamic, Image, Orthogonal, SlidingDynamic, View
from bench.views.backproject import backproject_dynamic, backproject_windows
from bench.views.jacobian import backproject_view, input_voxels


def with_depth(array: np.ndarray, axes: int) -> np.ndarray:
    """The array itself if the scan has three spatial axes; with a last axis of length 1 if `axes` is 2."""
    return array if axes == 3 else array[..., None]


def pooled_axis(view: View) -> int:
    """The spatial axis of the scan, 0 to 2, that images of this view lack; 2 if they lack none or different ones."""
    return PLANES.get(getattr(view, "plane", "axial"), PLANES["axial"])


def plane_map(view: View, saliency: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """(rows, columns): the map of one scan as an image, the sum over the channels of its saliency (C', rows, columns).

    If the network reads three planes at once or the volume, it is the sum of `volume`, the map projected back, along
    `pooled_axis`.
    """
    several = isinstance(view, Orthogonal) or getattr(view, "plane", "") == "all"
    return volume.sum(pooled_axis(view)) if saliency.ndim == 4 or several else saliency.sum(0)


def visible_voxels(view: View, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """(D, H, W), bool: the voxels that a view reads. shape: (C, D, H, W) of the prepared scan. spacing: in mm."""
    return np.ones((*shape[1:], 1), bool) if len(shape) == 3 else input_voxels(view, shape, spacing)


def project_back(
    view: View, saliency: np.ndarray, scan: np.ndarray, spacing: tuple[float, ...], by: str = "weights"
) -> np.ndarray:
    """(D, H, W): the map of one scan. saliency: (C', ...) on the network's input. scan: (C, D, H, W), prepared.

    by: `weights`, each voxel gets a pixel's saliency by its weight in that pixel; `contribution`, by its weight times
    its value. If the network reads the image itself, the channels are summed: (C, H, W) to (H, W, 1).
    """
    if isinstance(view, Image):
        return saliency.sum(0)[..., None]
    if isinstance(view, SlidingDynamic):
        return backproject_windows(view, saliency, scan, by)
    if isinstance(view, Dynamic):
        return backproject_dynamic(view, saliency, scan.astype(float), by=by)
    return backproject_view(view, saliency, scan, spacing, by)


def map_affine(affine: np.ndarray, spacing: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    """(4, 4): the affine of a scan's map: that of the scan; of an image one that is centred on its pixels."""
    if len(spacing) == 3:
        return affine
    centred = np.diag([*spacing, 1.0, 1.0])
    centred[:2, 3] = [-step * (size - 1) / 2 for step, size in zip(spacing, shape[1:], strict=True)]
    return centred


def write_nifti(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Write a map (D, H, W) as a NIfTI file of float32. affine: (4, 4)."""
    import nibabel as nib

    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values.astype(np.float32), affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
