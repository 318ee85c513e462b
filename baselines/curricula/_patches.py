"""Difficulty of the patches of masks: the share of neighbours that contain a border."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class PatchWeights:
    """Weights of the voxels of masks: 2 - difficulty of their patch, or 1 + difficulty; mean 1 in each scan."""

    patch: int
    hard: bool

    def __call__(self, masks: Tensor) -> Tensor:
        raw = self.raw(masks)
        return raw / raw.flatten(1).mean(1).reshape(-1, *[1] * (raw.ndim - 1))

    def raw(self, masks: Tensor) -> Tensor:
        """(B, ...) in [1, 2], by patches."""
        hard = difficulty(masks, self.patch)
        weights = 1 + hard if self.hard else 2 - hard
        for axis in range(1, masks.ndim):
            weights = weights.repeat_interleave(self.patch, axis).narrow(axis, 0, masks.shape[axis])
        return weights


def difficulty(masks: Tensor, patch: int) -> Tensor:
    """The share of the patches around a patch, itself included, that contain a border: (B, ...) to (B, patches...).

    A patch contains a border if it contains more than one class. Patches are of `patch` voxels a side, counted from the
    first voxel; the last ones may be smaller.
    """
    axes = masks.ndim - 1
    most, mean = (F.max_pool2d, F.avg_pool2d) if axes == 2 else (F.max_pool3d, F.avg_pool3d)
    classes = masks[:, None].float()
    size = {"kernel_size": patch, "stride": patch, "ceil_mode": True}
    borders = (most(classes, **size) != -most(-classes, **size)).float()
    hard, there = (F.pad(each, (1, 1) * axes) for each in (borders, torch.ones_like(borders)))
    return (mean(hard, 3, 1) / mean(there, 3, 1))[:, 0]
