"""The dynamic image: a volume as one image by approximate rank pooling of its slices, and any weighted sum of slices.

Rank pooling looks for the image d whose product with the running mean of the slices grows from slice to slice; its
first gradient step is a weighted sum of the slices (Fernando et al., arXiv 1512.01848; Bilen et al., CVPR 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import PLANES, View, flattened, left_right_in

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

COEFFICIENTS = ("bilen", "linear", "running")
_PIECE = {"cpu": 2**18, "cuda": 2**27}  # voxels turned into floats at a time: what a core's share of the cache holds


@dataclass(frozen=True)
class Dynamic(View):
    """The dynamic image. The defaults are those of the DCL-SE lineage but for the coefficients, which are exact.

    The lineage's own images are `coefficients="running", quantise=True, channels=3`. Coefficients are not symmetric:
    `reverse` is not a change of sign. Of C channels, the first C of the result are the first copy.
    """

    kind_name: ClassVar[str] = "dynamic"

    plane: str = param("sagittal", "of the slices that are pooled", tuple(PLANES))
    coefficients: str = param("bilen", "of the slices; see `rank_pooling_weights`", COEFFICIENTS)
    reverse: bool = param(False, "pool from the last slice to the first")
    scale: str = param("minmax", "minmax: each image from 0 to 255; none: the weighted sum itself", ("minmax", "none"))
    quantise: bool = param(False, "cut the scaled image to whole numbers, as storing it in bytes does")
    channels: int = param(1, "equal copies of the image, for a network that expects three", (1, 3))

    def __post_init__(self) -> None:
        if self.quantise and self.scale == "none":
            raise BenchError("view dynamic: quantise is of an image scaled by minmax, and scale is 'none'")

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        channels, *sizes = flattened(shape, self.plane)
        return (self.channels * channels, *sizes)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        axis = PLANES[self.plane]
        weights = rank_pooling_weights(x.shape[2 + axis], self.coefficients)
        image = dynamic_image(x, weights[::-1] if self.reverse else weights, axis)  # (B, C, rows, columns)
        if self.scale == "minmax":
            image = stretched(image)
        if self.quantise:
            image = image.floor()
        return image.repeat(1, self.channels, 1, 1)

    def left_right(self) -> int | None:
        return left_right_in(self.plane)


def rank_pooling_weights(slices: int, kind: str = "bilen") -> np.ndarray:
    """The weight of each of T slices, (T,), float64; a single slice has the weight 1.

    bilen: a_t = sum_{i=t..T} (2i - T - 1) / i, here in its closed form 2(T - t + 1) - (T + 1)(H_T - H_{t-1}) with the
        harmonic numbers H. They sum to 0.
    linear: a_t = 2t - T - 1, the slices ranked themselves, without their running mean. They sum to 0.
    running: a_t = sum_{i=t..T} (2i - T) / i, as a widespread port has it. It is off by one: bilen plus the weights
        H_T - H_{t-1} of a mean that favours the first slices, so these sum to T.
    """
    import numpy as np

    if slices < 1:
        raise ValueError(f"{slices} slices cannot be pooled; there must be at least 1")
    if kind not in COEFFICIENTS:
        raise ValueError(f"no coefficients {kind!r}; there are {', '.join(COEFFICIENTS)}")
    if slices == 1:
        return np.ones(1)
    t = np.arange(1, slices + 1, dtype=np.float64)
    if kind == "linear":
        return 2 * t - slices - 1
    tail = np.cumsum(1 / t[::-1])[::-1]  # H_T - H_{t-1}, the small terms first
    factor = slices + 1 if kind == "bilen" else slices
    return 2 * (slices - t + 1) - factor * tail


def dynamic_image(x: Tensor, weights: np.ndarray | Tensor, axis: int) -> Tensor:
    """The weighted sum of the slices along a spatial axis: (..., D, H, W) to (..., the two axes that remain).

    x: float32 or float64, which the result keeps, or anything else (uint8, half), which is turned into float32 a piece
    at a time. weights: (slices along `axis`,), a tensor if it is to be learnt. axis: 0, 1 or 2 of D, H, W. A matrix
    product, never in a lower precision: under autocast, weights that sum to 0 would leave little but rounding.
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
    if not x.is_cpu or x.shape[:-3].numel() == 1:
        return pooled(x, weights, axis)
    # one by one: the last bits of a product depend on its rows, and those of an image must not depend on its batch
    images = torch.stack([pooled(volume, weights, axis) for volume in x.reshape(-1, *x.shape[-3:])])
    return images.reshape(*x.shape[:-3], *images.shape[1:])


def stretched(image: Tensor) -> Tensor:
    """Each image (..., rows, columns) from 0 at its lowest to 255 at its highest; 0 where they are equal."""
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    span = high - low
    return (image - low) / span.masked_fill(span == 0, 1) * 255


def _pooled(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """(..., D, H, W) to (..., ., .), each axis by the product that reads memory in its own order."""
    import torch

    if axis == 2:
        return torch.matmul(x, weights[:, None]).squeeze(-1)
    if axis == 1:
        return torch.matmul(weights[None], x).squeeze(-2)
    return torch.matmul(weights[None], x.flatten(-2)).reshape(*x.shape[:-3], *x.shape[-2:])


def _pooled_by_pieces(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """As `_pooled`, for voxels that are no floats: cut along the first axis that remains."""
    import torch

    most = _PIECE.get(x.device.type, _PIECE["cpu"]) * (torch.get_num_threads() if x.device.type == "cpu" else 1)
    pieces = x.chunk(-(-x.numel() // most), -2 if axis == 0 else -3)
    learnt = torch.is_grad_enabled() and (weights.requires_grad or x.requires_grad)
    held = None if learnt else torch.empty(pieces[0].numel(), dtype=weights.dtype, device=x.device)
    images = [_pooled(_as_floats(piece, weights.dtype, held), weights, axis) for piece in pieces]
    return torch.cat(images, -2)


def _as_floats(x: Tensor, dtype: torch.dtype, held: Tensor | None) -> Tensor:
    """`x` in the type of the weights, in memory that is used again from piece to piece unless a gradient needs it."""
    import torch

    if held is None:  # the form: with the strides of a cut, matmul does not take all rows at once
        return x.to(dtype, memory_format=torch.contiguous_format)
    return held[: x.numel()].view(x.shape).copy_(x)
