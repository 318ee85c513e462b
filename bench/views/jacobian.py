"""From a view back to the scan: which voxels a pixel was made of, and by how much, as the view's own derivative tells.

For slices, projections and coarser voxels that says all there is: a slice lies where it was taken, a mean is shared out
evenly, a maximum belongs to the voxel that had it (to all of them alike where several had), an entropy-weighted mean is
shared out by its weights. Dynamic images have `bench.views.backproject`, where their scaling is left out.
"""

from __future__ import annotations

import numpy as np

from bench.views.base import View
from bench.views.slices import Orthogonal, Slab, Slice
from bench.views.volume import Volume, shares_of


def traced(
    view: View, saliency: np.ndarray, x: np.ndarray, spacing: tuple[float, ...], by: str = "weights"
) -> np.ndarray:
    """A saliency (C', ...) on what the view shows as a map of the scan it was made of, (D, H, W), nowhere below 0.

    x: (C, D, H, W), the prepared scan; the map is summed over its channels. by: `weights`, the derivative alone;
    `contribution`, times the voxels' magnitudes. The sum of a map by weights is that of the saliency but for padding.
    """
    import torch

    if isinstance(view, Volume):
        found = _shared_out(view, np.clip(saliency, 0, None), x.shape, spacing)
        return (found * np.abs(x) if by == "contribution" else found).sum(0)
    scan = torch.from_numpy(np.array(x, dtype=np.float32))[None].requires_grad_()
    shown = view(scan, spacing)
    if saliency.shape != tuple(shown.shape[1:]):
        raise ValueError(f"a saliency of {saliency.shape} does not fit a view of {tuple(shown.shape[1:])}")
    given = torch.from_numpy(np.clip(saliency, 0, None)).to(shown.dtype)[None]
    (found,) = torch.autograd.grad(shown, scan, given)
    found = found[0].double().numpy()
    return (found * np.abs(x) if by == "contribution" else found).sum(0)


def _shared_out(view: Volume, saliency: np.ndarray, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """(C, d, h, w) of larger voxels to (C, D, H, W) of those that they were averaged of, each by the part it fills.

    In float64, and to a billionth of the highest: what is equal but for rounding ranks as equal.
    """
    if saliency.shape != view.shape(shape, spacing):
        raise ValueError(f"a saliency of {saliency.shape} does not fit a view of {view.shape(shape, spacing)}")
    found = saliency.astype(float)
    for axis in (1, 2, 3):
        shares = shares_of(shape[axis], found.shape[axis]).numpy()
        found = np.moveaxis(np.tensordot(shares, found, (0, axis)), 0, axis)
    step = 2.0 ** (np.frexp(found.max())[1] - 31)  # a power of two, so that it adds no rounding of its own
    return np.rint(found / step) * step


def sees(view: View, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """(D, H, W), bool: the voxels that the view looks at. A maximum looks at all of them. shape: (C, D, H, W)."""
    if not isinstance(view, (Slice, Slab, Orthogonal)):
        return np.ones(shape[1:], bool)
    ones = np.ones(view.shape(shape, spacing))
    return traced(view, ones, np.zeros(shape), spacing) > 0
