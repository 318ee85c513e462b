"""Comparison of the attention maps of 2D and 3D networks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines._input_sizes import shape_after_view
from bench.core import Task
from bench.method import Method, outputs
from bench.views import PLANES, View, effective


def attention_transfer(student: Tensor, teacher: Tensor, axis: int) -> Tensor:
    """Mean squared difference of the maps, each of length 1, (B,). Zagoruyko, Komodakis, arXiv 1612.03928.

    student, teacher: (B, rows, columns) or (B, D, H, W), not negative. If only one map has three axes, it is averaged
    along `axis`, the slice axis (0, 1, 2). Both are averaged to the smaller number of positions along each axis.
    """
    maps = [one.mean(1 + axis) if one.ndim > min(student.ndim, teacher.ndim) else one for one in (student, teacher)]
    sizes = [min(pair) for pair in zip(*(one.shape[1:] for one in maps), strict=True)]
    rows = [F.normalize(resized(one, sizes).flatten(1), dim=1) for one in maps]
    return (rows[0] - rows[1]).square().mean(1)


def resized(maps: Tensor, sizes: list[int]) -> Tensor:
    """(B, ...) to (B, *sizes), no size larger than before: area interpolation, means over equal intervals."""
    for axis, size in enumerate(sizes, start=1):
        maps = torch.tensordot(maps, _shares(maps.shape[axis], size, maps), ([axis], [0])).movedim(-1, axis)
    return maps


def misaligned(student: View, teacher: View, shape: tuple[int, ...]) -> str | None:
    """Why the maps of two networks cannot be compared, or None. shape: of a scan before the views."""
    if len(shape) == 3:
        return None
    flat = [view for view in (student, teacher) if _axes(view, shape) == 2]
    planes = [getattr(view, "plane", "all") for view in flat]
    if "all" in planes:
        kind = flat[planes.index("all")].kind_name
        return f"attention is compared position by position, but the view {kind} combines several planes in one image"
    if len(set(planes)) > 1:
        different = f"the student reads {planes[0]} slices and its teacher {planes[1]} slices"
        return f"attention is compared position by position, but {different}"
    return None


def mapless(name: str, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
    """Why a method's network has no attention map, or None; found with meta tensors. shape: before the view."""
    if method.solves:
        return f"attention is compared position by position, but {name} has no network"
    if (shown := shape_after_view(method.view_for(task), shape)) is None:
        return None  # unknown before the spacing is known
    with torch.random.fork_rng(devices=[]):
        model = method.build(task, shown).to("meta").eval()
    with torch.no_grad():
        result = outputs(model, torch.zeros(2, *shown, device="meta"), attention=True)
    if result.attention is not None:
        return None
    return (
        f"attention is compared position by position, but the network of {name} has no map: it ends in tokens or slices"
    )


def axis_of(student: View, teacher: View, maps: tuple[Tensor, Tensor]) -> int:
    """The spatial axis that one of two views projects away and the other does not; 0 if they agree."""
    if maps[0].ndim == maps[1].ndim:
        return 0
    return PLANES[(student if maps[0].ndim < maps[1].ndim else teacher).plane]


def _axes(view: View, shape: tuple[int, ...]) -> int:
    return len(effective(view, shape).shape(shape, (1.0,) * (len(shape) - 1))) - 1


def _shares(size: int, fewer: int, like: Tensor) -> Tensor:
    """Weight of each of `size` positions in each of `fewer`, (size, fewer); columns sum to 1."""
    edges = torch.arange(size + 1, dtype=torch.float64)
    borders = torch.arange(fewer + 1, dtype=torch.float64) * size / fewer
    upper = torch.minimum(edges[1:, None], borders[None, 1:])
    lower = torch.maximum(edges[:-1, None], borders[None, :-1])
    return ((upper - lower).clamp_min(0) * fewer / size).to(like.device, like.dtype)
