"""The dynamic image: a volume as one image by approximate rank pooling of its slices, and any weighted sum of slices.

Rank pooling looks for the image d whose product with the running mean of the slices grows from slice to slice; its
first gradient step is a weighted sum of the slices (Fernando et al., arXiv 1512.01848; Bilen et al., CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, param
from bench.views.base import PLANES, View, flattened, left_right_in, need_volumes
from bench.views.padding import framed, stretched

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

COEFFICIENTS = ("bilen", "linear", "running")
ALIGNED = 64  # bytes, as torch gives memory out
ROUNDING = 1e-6  # of the weights' sum times a voxel, both without signs: float32 sums of slices may be off by a tenth
_PIECE = {"cpu": 2**18, "cuda": 2**27}  # voxels turned into floats at a time: what a core's share of the cache holds


@dataclass(frozen=True)
class Pooled:
    """Slices that become one image: `weights` of them from `start` on, along a spatial axis."""

    plane: str
    start: int
    weights: np.ndarray  # (slices,), not to be changed

    @property
    def axis(self) -> int:
        return PLANES[self.plane]


@dataclass(frozen=True)
class Dynamic(View):
    """The dynamic image. The defaults are those of the DCL-SE lineage but for the coefficients, which are exact.

    The lineage's own images are `coefficients="running", quantise=True, channels=3`. Coefficients are not symmetric:
    `reverse` is not a change of sign. Each image is scaled by itself. Of a scan with C channels, C images lie together:
    those of the first plane and slab, then those of the next slab, and so on; equal copies come last.

    A plane of `all` gives the images of the sagittal, coronal and axial slices as channels, each scaled and then padded
    with zeros about its middle to the most rows and the most columns of the three. Slabs cover all slices: the last is
    moved back so that it ends with the volume, and one that is thicker than the volume is the volume. `shuffle` draws
    one order for each number of slices: every scan of a size has the same, and every slab of a scan, within itself.
    """

    kind_name: ClassVar[str] = "dynamic"

    plane: str = param("sagittal", "of the slices that are pooled; all: the three as channels", (*PLANES, "all"))
    coefficients: str = param("bilen", "of the slices; see `rank_pooling_weights`", COEFFICIENTS)
    reverse: bool = param(False, "pool from the last slice to the first")
    scale: str = param("minmax", "minmax: each image from 0 to 255; none: the weighted sum itself", ("minmax", "none"))
    quantise: bool = param(False, "cut the scaled image to whole numbers, as storing it in bytes does")
    channels: int = param(1, "equal copies of the image, for a network that expects three", (1, 3))
    slab: int = param(0, "slices that are pooled to one image; 0: all of them. Each slab is a channel")
    stride: int = param(0, "slices from one slab to the next; 0: as many as a slab has")
    shuffle: int = param(0, "0: slices in order; else the seed of the order they are pooled in, a control")

    def __post_init__(self) -> None:
        if self.quantise and self.scale == "none":
            raise BenchError("view dynamic: quantise is of an image scaled by minmax, and scale is 'none'")
        if min(self.slab, self.stride, self.shuffle) < 0:
            raise BenchError("view dynamic: slab, stride and shuffle are 0 or more")
        if self.stride and not self.slab:
            raise BenchError(f"view dynamic: stride={self.stride} is from slab to slab, and slab is 0, all slices")
        if self.stride > self.slab:
            raise BenchError(f"view dynamic: stride={self.stride} leaves out slices between slabs of {self.slab}")
        if self.shuffle and self.slab == 1:
            raise BenchError("view dynamic: a slab of 1 slice has no order to shuffle")
        if self.channels > 1 and (self.plane == "all" or self.slab):
            raise BenchError(
                f"view dynamic: copies (channels={self.channels}) are of one image; planes and slabs are channels "
                "already, so set channels=1"
            )

    def poolings(self, sizes: tuple[int, ...]) -> tuple[Pooled, ...]:
        """What is pooled, in the order of the images. sizes: (D, H, W); ValueError for those of an image."""
        need_volumes((1, *sizes), self.kind_name)
        return _poolings(self, tuple(sizes))

    def shape(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[int, ...]:
        images = self.channels * shape[0] * len(self.poolings(shape[1:]))
        return (images, *self.frame(shape[1:]))

    def frame(self, sizes: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the images of a volume of (D, H, W)."""
        planes = PLANES if self.plane == "all" else (self.plane,)
        rows, columns = zip(*(flattened((1, *sizes), plane)[1:] for plane in planes), strict=True)
        return max(rows), max(columns)

    def __call__(self, x: Tensor, spacing: tuple[float, ...]) -> Tensor:
        return self.encode(x, [pooled.weights for pooled in self.poolings(tuple(x.shape[2:]))])

    def encode(self, x: Tensor, weights: Sequence[np.ndarray | Tensor]) -> Tensor:
        """As the view, with weights of one's own, one (slices,) for each of the `poolings`; tensors can be learnt.

        Where a gradient is asked for, it passes the cut to whole numbers unchanged (straight-through).
        """
        import torch

        sizes, images = tuple(x.shape[2:]), []
        frame = self.frame(sizes)
        for pooled, each in zip(self.poolings(sizes), weights, strict=True):
            axis, slices = pooled.axis, len(pooled.weights)
            if len(each) != slices:
                raise ValueError(f"{len(each)} weights for {slices} slices of plane {pooled.plane}")
            some = x if slices == sizes[axis] else x.narrow(2 + axis, pooled.start, slices)
            image = dynamic_image(some, each, axis)  # (B, C, rows, columns)
            if self.scale == "minmax":
                image = stretched(image, _rounding(some, each))
            if self.quantise:
                image = image + (image.floor() - image).detach() if image.requires_grad else image.floor()
            images.append(framed(image, frame))
        whole = images[0] if len(images) == 1 else torch.cat(images, 1)
        return whole.repeat(1, self.channels, 1, 1) if self.channels > 1 else whole

    def left_right(self) -> int | None:
        return None if self.plane == "all" else left_right_in(self.plane)


@lru_cache(256)
def _poolings(view: Dynamic, sizes: tuple[int, ...]) -> tuple[Pooled, ...]:
    found = []
    for plane in PLANES if view.plane == "all" else (view.plane,):
        slices = sizes[PLANES[plane]]
        thick = min(view.slab or slices, slices)
        starts = [*range(0, slices - thick, view.stride or thick), slices - thick]
        weights = _in_order(view, thick)
        found += [Pooled(plane, start, weights) for start in starts]
    return tuple(found)


def _in_order(view: Dynamic, slices: int) -> np.ndarray:
    """The weights as slice after slice has them: turned round and shuffled as the view says."""
    import numpy as np

    weights = rank_pooling_weights(slices, view.coefficients)
    weights = weights[::-1].copy() if view.reverse else weights
    weights = weights[np.random.default_rng(view.shuffle).permutation(slices)] if view.shuffle else weights
    weights.setflags(write=False)
    return weights


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
    """Volumes one by one, as one of its own lies in memory: on some processors the bits of a product depend on that.

    What is not `learnt` through is copied to the same memory: use up each before the next.
    """
    import torch

    held = None
    for volume in volumes:
        if volume.is_contiguous() and volume.data_ptr() % ALIGNED == 0:
            yield volume
        elif learnt:
            yield volume.clone(memory_format=torch.contiguous_format)
        else:
            held = torch.empty_like(volume, memory_format=torch.contiguous_format) if held is None else held
            yield held.copy_(volume)


def _learnt(x: Tensor, weights: Tensor) -> bool:
    import torch

    return torch.is_grad_enabled() and (weights.requires_grad or x.requires_grad)


def _rounding(x: Tensor, weights: np.ndarray | Tensor) -> Tensor:
    """How far apart the sums of equal slices may lie, (..., 1, 1): no more than this is stretched to an image.

    x: (..., D, H, W). Judged by the middle voxel: it is that of a constant volume, and takes no time.
    """
    deep, row, column = (size // 2 for size in x.shape[-3:])
    voxel = x[..., deep, row : row + 1, column : column + 1].detach().float()
    if hasattr(weights, "detach"):  # a tensor: nothing waits for its device
        return abs(voxel) * (abs(weights.detach()).sum() * ROUNDING)
    return abs(voxel) * float(abs(weights).sum() * ROUNDING)


def _pooled(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """(..., D, H, W) to (..., ., .), each axis by the product that reads memory in its own order."""
    import torch

    if axis == 2:
        return torch.matmul(x, weights[:, None]).squeeze(-1)
    if axis == 1:
        rows = x.flatten(0, -3)  # said outright: matmul takes another way, of other last bits, where weights are learnt
        return torch.bmm(weights.expand(len(rows), 1, -1), rows).reshape(*x.shape[:-2], x.shape[-1])
    return torch.matmul(weights[None], x.flatten(-2)).reshape(*x.shape[:-3], *x.shape[-2:])


def _pooled_by_pieces(x: Tensor, weights: Tensor, axis: int) -> Tensor:
    """As `_pooled`, for voxels that are no floats: cut along the first axis that remains."""
    import torch

    most = _PIECE.get(x.device.type, _PIECE["cpu"]) * (torch.get_num_threads() if x.device.type == "cpu" else 1)
    pieces = x.chunk(-(-x.numel() // most), -2 if axis == 0 else -3)
    held = None if _learnt(x, weights) else torch.empty(pieces[0].numel(), dtype=weights.dtype, device=x.device)
    images = [_pooled(_as_floats(piece, weights.dtype, held), weights, axis) for piece in pieces]
    return torch.cat(images, -2)


def _as_floats(x: Tensor, dtype: torch.dtype, held: Tensor | None) -> Tensor:
    """`x` in the type of the weights, in memory that is used again from piece to piece unless a gradient needs it."""
    import torch

    if held is None:  # the form: with the strides of a cut, matmul does not take all rows at once
        return x.to(dtype, memory_format=torch.contiguous_format)
    return held[: x.numel()].view(x.shape).copy_(x)
