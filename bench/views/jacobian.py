"""Back-projection of saliency from a view to the scan by the view's derivative (vector-Jacobian product).

This is exact for slices, projections and coarser voxels: a slice keeps its position, a mean is distributed evenly, a
maximum goes to the voxel that has it (equally to all of them in case of ties), and an entropy-weighted mean is
distributed by its weights. For dynamic images use `bench.views.backproject`, which leaves out their scaling.
"""

from __future__ import annotations

import numpy as np

from bench.views.base import View
from bench.views.slices import Orthogonal, Slab, Slice
from bench.views.volume import Volume, overlap_fractions


def backproject_view(
    view: View, saliency: np.ndarray, x: np.ndarray, spacing: tuple[float, ...], by: str = "weights"
) -> np.ndarray:
    """Back-project a saliency map (C', ...) of a view to the scan: (D, H, W), non-negative.

    x: (C, D, H, W), the prepared scan; the map is summed over its channels. by: `weights`, the derivative alone;
    `contribution`, times the voxels' magnitudes. The sum of a map by weights is that of the saliency but for padding.
    """
    import torch

    if isinstance(view, Volume):
        result = _distribute(view, np.clip(saliency, 0, None), x.shape, spacing)
        return (result * np.abs(x) if by == "contribution" else result).sum(0)
    scan = torch.from_numpy(np.array(x, dtype=np.float32))[None].requires_grad_()
    shown = view(scan, spacing)
    if saliency.shape != tuple(shown.shape[1:]):
        raise ValueError(f"a saliency of {saliency.shape} does not fit a view of {tuple(shown.shape[1:])}")
    given = torch.from_numpy(np.clip(saliency, 0, None)).to(shown.dtype)[None]
    (gradient,) = torch.autograd.grad(shown, scan, given)
    result = gradient[0].double().numpy()
    return (result * np.abs(x) if by == "contribution" else result).sum(0)


def _distribute(view: Volume, saliency: np.ndarray, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """Distribute the saliency of larger voxels, (C, d, h, w), over the original ones, (C, D, H, W), by overlap.

    In float64, rounded to a billionth of the maximum, so that values that differ by rounding error only rank as equal.
    """
    if saliency.shape != view.shape(shape, spacing):
        raise ValueError(f"a saliency of {saliency.shape} does not fit a view of {view.shape(shape, spacing)}")
    result = saliency.astype(float)
    for axis in (1, 2, 3):
        shares = overlap_fractions(shape[axis], result.shape[axis]).numpy()
        result = np.moveaxis(np.tensordot(shares, result, (0, axis)), 0, axis)
    step = 2.0 ** (np.frexp(result.max())[1] - 31)  # a power of two adds no rounding error of its own
    return np.rint(result / step) * step


def input_voxels(view: View, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """The voxels that the view depends on, (D, H, W), bool; for a maximum, all. shape: (C, D, H, W)."""
    if not isinstance(view, (Slice, Slab, Orthogonal)):
        return np.ones(shape[1:], bool)
    ones = np.ones(view.shape(shape, spacing))
    return backproject_view(view, ones, np.zeros(shape), spacing) > 0
