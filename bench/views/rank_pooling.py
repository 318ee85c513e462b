"""Approximate rank pooling: the weights of the slices, and the weighted sum of slices.

Rank pooling finds the image d whose product with the running mean of the slices grows from slice to slice; its first
gradient step is a weighted sum of the slices (Fernando et al., arXiv 1512.01848; Bilen et al., CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

COEFFICIENTS = ("bilen", "linear", "running")
ALIGNED = 64  # bytes; alignment of memory that torch allocates
ROUNDING = 1e-6  # of sum |weights| times |voxel|; the error of float32 sums of slices is about a tenth of it
_PIECE = {"cpu": 2**18, "cuda": 2**27}  # voxels converted to floats at a time: a core's share of the cache


def rank_pooling_weights(slices: int, kind: str = "bilen") -> np.ndarray:
    """Return the weight of each slice in a dynamic image.

    Parameters
    ----------
    slices : int
        Number of slices, T.
    kind : str
        bilen: a_t = sum_{i=t..T} (2i - T - 1) / i, in the closed form 2(T - t + 1) - (T + 1)(H_T - H_{t-1}) with the
        harmonic numbers H. They sum to 0 (Bilen et al., CVPR 2016).
        linear: a_t = 2t - T - 1, the slices ranked themselves, without their running mean. They sum to 0.
        running: a_t = sum_{i=t..T} (2i - T) / i, as in a widespread port. It is off by one: bilen plus the weights
        H_T - H_{t-1} of a mean that favours the first slices, so these sum to T.

    Returns
    -------
    ndarray of shape (T,)
        float64; a single slice has the weight 1.

    Raises
    ------
    ValueError
        If there are no slices, or no such kind.
    """
    import numpy as np

    if slices < 1:
        raise ValueError(f"{slices} slices cannot be pooled; there must be at least 1")
    if kind not in COEFFICIENTS:
        raise ValueError(f"no coefficients {kind!r}; choose from {', '.join(COEFFICIENTS)}")
    if slices == 1:
        return np.ones(1)
    t = np.arange(1, slices + 1, dtype=np.float64)
    if kind == "linear":
        return 2 * t - slices - 1
    tail = np.cumsum(1 / t[::-1])[::-1]  # H_T - H_{t-1}, the small terms first
    factor = slices + 1 if kind == "bilen" else slices
    return 2 * (slices - t + 1) - factor * tail


def dynamic_image(x: Tensor, weights: np.ndarray | Tensor, axis: int) -> Tensor:
    """Compute the weighted sum of the slices along a spatial axis.

    A matrix product, never in a lower precision: under autocast, weights that sum to 0 would leave little but rounding.

    Parameters
    ----------
    x : Tensor of shape (..., D, H, W)
        float32 or float64, which the result keeps; anything else (uint8, half) is converted to float32 in pieces.
    weights : ndarray or Tensor of shape (slices along `axis`,)
        A tensor if it is learnt.
    axis : int
        0, 1 or 2 of D, H, W.

    Returns
    -------
    Tensor
        (..., the two axes that remain).

    Raises
    ------
    ValueError
        If the number of weights differs from that of the slices.
    """
    import torch

    if len(weights) != x.shape[axis - 3]:
        raise ValueError(f"{len(weights)} weights for {x.shape[axis - 3]} slices along axis {axis}")
    device, dtype = x.device, torch.float64 if x.dtype == torch.float64 else torch.float32
    if not isinstance(weights, torch.Tensor):  # a new array: torch does not know the strides of a reversed one
        weights = torch.from_numpy(weights.astype("float64" if dtype == torch.float64 else "float32"))
    if weights.dtype != dtype or weights.device != device:
        weights = weights.to(device, dtype)
    if torch.is_autocast_enabled(device.type):
        with torch.autocast(device.type, enabled=False):
            return dynamic_image(x, weights, axis)
    pooled = _pooled if x.dtype == dtype else _pooled_by_pieces
    if not x.is_cpu:
        return pooled(x, weights, axis)
    alone = x.shape[:-3].numel() == 1
    volumes = [x] if alone else x.reshape(-1, *x.shape[-3:])
    if axis == 2 and x.dtype == dtype:
        volumes = _aligned(volumes, _learnt(x, weights))
    # one by one: the last bits of a product depend on its rows, and those of an image must not depend on its batch
    images = [pooled(volume, weights, axis) for volume in volumes]
    return images[0] if alone else torch.stack(images).reshape(*x.shape[:-3], *images[0].shape)


def _aligned(volumes: Iterable[Tensor], learnt: bool) -> Iterator[Tensor]:
    """Yield volumes contiguous and aligned in memory: on some processors the bits of a product depend on alignment.

    Without gradients (`learnt` is False) all copies share one buffer: use each volume before taking the next.
    """
    import torch

    buffer = None
    for volume in volumes:
        if volume.is_contiguous() and volume.data_ptr() % ALIGNED == 0:
            yield volume
        elif learnt:
            yield volume.clone(memory_format=torch.contiguous_format)
        else:
            buffer = torch.empty_like(volume, memory_format=torch.contiguous_format) if buffer is None else buffer
            yield buffer.copy_(volume)


def _learnt(x: Tensor, weights: Tensor) -> bool:
    import torch

    return torch.is_grad_enabled() and (weights.requires_grad or x.requires_grad)


def rounding_error(x: Tensor, weights: np.ndarray | Tensor) -> Tensor:
    """Rounding error of the weighted sums of equal slices, (..., 1, 1); images with a smaller range are constant.

    x: (..., D, H, W). Estimated from the middle voxel, which is exact for a constant volume and takes no time.
    """
    deep, row, column = (size // 2 for size in x.shape[-3:])
    voxel = x[..., deep, row : row + 1, column : column + 1].detach().float()
    if hasattr(weights, "detach"):  # a tensor: nothing waits for its device
        return abs(voxel) * (abs(weights.detach()).sum() * ROUNDING)
    return abs(voxel) * float(abs(weights).sum() * ROUNDING)


def _pooled(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """(..., D, H, W) to (..., ., .), by the matrix product that reads memory in order along each axis."""
    import torch

    if axis == 2:
        return torch.matmul(x, weights[:, None]).squeeze(-1)
    if axis == 1:
        rows = x.flatten(0, -3)  # bmm, because matmul gives other last bits if the weights require gradients
        return torch.bmm(weights.expand(len(rows), 1, -1), rows).reshape(*x.shape[:-2], x.shape[-1])
    return torch.matmul(weights[None], x.flatten(-2)).reshape(*x.shape[:-3], *x.shape[-2:])


def _pooled_by_pieces(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """As `_pooled`, for voxels that are not floats, in pieces along the first axis that remains."""
    import torch

    most = _PIECE.get(x.device.type, _PIECE["cpu"]) * (torch.get_num_threads() if x.device.type == "cpu" else 1)
    pieces = x.chunk(-(-x.numel() // most), -2 if axis == 0 else -3)
    buffer = None if _learnt(x, weights) else torch.empty(pieces[0].numel(), dtype=weights.dtype, device=x.device)
    images = [_pooled(_as_floats(piece, weights.dtype, buffer), weights, axis) for piece in pieces]
    return torch.cat(images, -2)


def _as_floats(x: Tensor, dtype: torch.dtype, buffer: Tensor | None) -> Tensor:
    """`x` in the type of the weights. buffer: memory to reuse for each piece; None if gradients need the copies."""
    import torch

    if buffer is None:  # contiguous: with the strides of a slice, matmul does not take all rows at once
        return x.to(dtype, memory_format=torch.contiguous_format)
    return buffer[: x.numel()].view(x.shape).copy_(x)
