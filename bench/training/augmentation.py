"""Augmentation of training scans: random flips and small random affine changes. The target never changes.

Random numbers come from a generator on the CPU, so they are the same on every device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

KINDS = ("none", "flip", "affine")
ROTATION = math.radians(10)  # either way, about each axis
SHIFT = 0.05  # either way, of the size along each axis
SCALE = 0.1  # either way, of size
INTENSITY = 0.1  # either way, of the normalised intensity


def augment(x: Tensor, kind: str, generator: torch.Generator, left_right: int | None = None) -> Tensor:
    """Augment scans (B, C, *spatial), 2D or 3D, each with its own random numbers; the shape stays the same.

    none: unchanged. flip: left and right are exchanged in about half of the scans. affine: a small rotation, shift and
    scaling, in pixels or voxels as if these were equal along the axes, and a small change of brightness; values beyond
    the border repeat it. left_right: the spatial axis of the view to flip (`View.left_right`); None flips nothing.
    """
    if kind == "none":
        return x
    if kind == "flip":
        return x if left_right is None else _flipped(x, generator, left_right)
    if kind == "affine":
        return _moved(x, generator)
    raise ValueError(f"no augmentation {kind!r}; there are {', '.join(KINDS)}")


def _flipped(x: Tensor, generator: torch.Generator, axis: int) -> Tensor:
    chosen = torch.rand(len(x), generator=generator) < 0.5
    chosen = chosen.to(x.device, non_blocking=True).reshape(-1, *[1] * (x.ndim - 1))
    return torch.where(chosen, x.flip(2 + axis), x)


def _moved(x: Tensor, generator: torch.Generator) -> Tensor:
    spatial = x.shape[2:]
    around = _about_zero(len(x), 1 if len(spatial) == 2 else 3, ROTATION, generator)
    shift = _about_zero(len(x), len(spatial), SHIFT, generator)
    scale = 1 + _about_zero(len(x), 1, SCALE, generator)
    brightness = 1 + _about_zero(len(x), 1, INTENSITY, generator)
    # grid_sample counts its axes from the last and measures each in halves of its own size
    half = torch.tensor(spatial[::-1], dtype=torch.float32) / 2
    linear = _rotations(around) / scale[:, :, None]
    linear = linear * half / half[:, None]
    theta = torch.cat([linear, 2 * shift[:, :, None]], dim=2).to(x, non_blocking=True)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved * brightness.to(x, non_blocking=True).reshape(-1, *[1] * (x.ndim - 1))


def _about_zero(rows: int, columns: int, most: float, generator: torch.Generator) -> Tensor:
    """Uniform in -most..most: (rows, columns)."""
    return (2 * torch.rand((rows, columns), generator=generator) - 1) * most


def _rotations(angles: Tensor) -> Tensor:
    """(B, 1) angles to rotations (B, 2, 2); (B, 3), one about each axis in turn, to (B, 3, 3)."""
    cos, sin = angles.cos(), angles.sin()
    if angles.shape[1] == 1:
        return torch.stack([cos, -sin, sin, cos], dim=-1).reshape(-1, 2, 2)
    rotation = torch.eye(3).expand(len(angles), 3, 3)
    for axis, (first, second) in enumerate([(1, 2), (0, 2), (0, 1)]):
        one = torch.eye(3).repeat(len(angles), 1, 1)
        one[:, first, first] = one[:, second, second] = cos[:, axis]
        one[:, first, second], one[:, second, first] = -sin[:, axis], sin[:, axis]
        rotation = rotation @ one
    return rotation
