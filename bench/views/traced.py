"""From a view back to the scan: which voxels a pixel was made of, and by how much, as the view's own derivative tells.

For slices, projections and coarser voxels that says all there is: a slice lies where it was taken, a mean is shared out
evenly, a maximum belongs to the voxel that had it (to all of them alike where several had), an entropy-weighted mean is
shared out by its weights. Dynamic images have `bench.views.back`, where their scaling is left out.
"""

from __future__ import annotations

import numpy as np

from bench.views.base import View
from bench.views.slices import Orthogonal, Slab, Slice


def traced(
    view: View, saliency: np.ndarray, x: np.ndarray, spacing: tuple[float, ...], by: str = "weights"
) -> np.ndarray:
    """A saliency (C', ...) on what the view shows as a map of the scan it was made of, (D, H, W), nowhere below 0.

    x: (C, D, H, W), the prepared scan; the map is summed over its channels. by: `weights`, the derivative alone;
    `contribution`, times the voxels' magnitudes. The sum of a map by weights is that of the saliency but for padding.
    """
    import torch

    scan = torch.from_numpy(np.array(x, dtype=np.float32))[None].requires_grad_()
    shown = view(scan, spacing)
    if saliency.shape != tuple(shown.shape[1:]):
        raise ValueError(f"a saliency of {saliency.shape} does not fit a view of {tuple(shown.shape[1:])}")
    given = torch.from_numpy(np.clip(saliency, 0, None)).to(shown.dtype)[None]
    (found,) = torch.autograd.grad(shown, scan, given)
    found = _settled(found[0].double().numpy())
    return (found * np.abs(x) if by == "contribution" else found).sum(0)


def _settled(values: np.ndarray) -> np.ndarray:
    """Values to a millionth of the highest: what differs by rounding alone is equal, and ranks as equal."""
    step = 2.0 ** (np.frexp(values.max())[1] - 21)  # a power of two, so that it adds no rounding of its own
    return np.rint(values / step) * step


def sees(view: View, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """(D, H, W), bool: the voxels that the view looks at. A maximum looks at all of them. shape: (C, D, H, W)."""
    if not isinstance(view, (Slice, Slab, Orthogonal)):
        return np.ones(shape[1:], bool)
    ones = np.ones(view.shape(shape, spacing))
    return traced(view, ones, np.zeros(shape), spacing) > 0
