"""From saliency on a network's input to maps of the volume: by the view it was shown, in the scan's own millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from bench.core import BenchError
from bench.views import PLANES, Dynamic, SlidingDynamic, View, Volume
from bench.views.back import carry_back, windows_back
from bench.views.layer import RankPooling


def axis_of(view: View) -> int:
    """The spatial axis that an image of this view has no extent along."""
    return PLANES[view.plane] if isinstance(view, Dynamic) and view.plane in PLANES else PLANES["axial"]


def plane_of(view: View, saliency: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """The map of one scan as an image: the channels of its saliency (C, rows, columns) summed.

    Of three planes at once, and of a saliency of the volume, it is `volume`, carried back, summed along the last axis.
    """
    single = saliency.ndim == 3 and not (isinstance(view, Dynamic) and view.plane == "all")
    return saliency.sum(0) if single else volume.sum(axis_of(view))


def volume_of(view: View, saliency: np.ndarray, volume: np.ndarray, by: str, model: nn.Module) -> np.ndarray:
    """The map (D, H, W) of one scan. saliency: (C, ...) on what the network read; volume: (C, D, H, W), prepared.

    Of a dynamic image, and of those around every slice, through their weights; of a network that pools itself the
    saliency is of the volume already. BenchError for views that do not say where along the axis a pixel came from.
    """
    if isinstance(view, SlidingDynamic):
        return windows_back(view, saliency, volume, by)
    if saliency.ndim == 4:
        return saliency.sum(0)
    if isinstance(view, Dynamic):
        return carry_back(view, saliency, volume.astype(float), by=by)
    known = "dynamic, volume and sliding"
    raise BenchError(f"a view of kind {view.kind_name} cannot be carried back to the volume; {known} can")


def check(view: View, shape: tuple[int, ...]) -> None:
    """BenchError where nothing can be carried back to a volume."""
    if len(shape) == 3:
        raise BenchError("the data set holds images: a saliency lies on the image, and there is no volume behind it")
    if not isinstance(view, (Dynamic, Volume, SlidingDynamic)):
        raise BenchError(f"a view of kind {view.kind_name} does not say where along the axis a pixel came from")


def write_nifti(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """A map (D, H, W) as float32, where its scan lies."""
    import nibabel as nib

    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), path)


def pools(model: nn.Module) -> bool:
    """Whether a network pools the slices of volumes itself."""
    return any(isinstance(module, RankPooling) for module in model.modules())
