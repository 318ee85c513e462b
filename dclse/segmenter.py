"""Masks of volumes by a 2D network: slice by slice, or from one projection of the volume."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.core import Task
from bench.views import PLANES
from bench.views.layer import RankPooling
from dclse.architecture import Structure
from dclse.curriculum import Progress, stages_of
from dclse.decoder import Decoders
from dclse.network import Backbone

AT_ONCE = 32  # images segmented at a time
OVERLAP = 0.25  # of neighbouring windows


class Planar(nn.Module):
    """Masks of images: (B, C, H, W) to (B, outputs, H, W)."""

    def __init__(self, channels: int, task: Task, structure: Structure, fusion: str) -> None:
        super().__init__()
        self.backbone = Backbone(channels, None, structure)
        self.decoders = Decoders(channels, task.outputs, fusion)
        self.progress = Progress(stages_of(task, fusion))

    def staged(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The prediction and the outputs of the stages, each (B, outputs, H, W)."""
        stages = self.decoders(x, self.backbone.maps(x))
        return stages[-1], stages

    def forward(self, x: Tensor) -> Tensor:
        return self.staged(x)[0]


class SliceBySlice(nn.Module):
    """(B, C, D, H, W) to (B, outputs, D, H, W): segments every slice of `plane` separately.

    window: edge of the square window in pixels; larger slices are read in windows that overlap by a quarter, with
    Gaussian weights. 0: whole slices.
    """

    def __init__(self, planar: Planar, plane: str, window: int) -> None:
        super().__init__()
        self.planar, self.axis, self.window = planar, PLANES[plane], window

    @property
    def progress(self) -> Progress:
        return self.planar.progress

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 5:
            raise ValueError(f"the network reads slices of volumes (B, C, D, H, W), not {tuple(x.shape)}")
        slices = x.movedim(2 + self.axis, 1)  # (B, T, C, rows, columns)
        masks = torch.cat([self._planes(some) for some in slices.flatten(0, 1).split(AT_ONCE)])
        return masks.unflatten(0, slices.shape[:2]).movedim(1, 2 + self.axis)

    def sample_slices(self, x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Sample training slices and their masks: (B count, C, rows, columns) and (B, count, rows, columns).

        Half of them contain a structure, if any slice does; the others are any slices. They are drawn with replacement,
        and cut to one random window.
        """
        slices, masks = x.movedim(2 + self.axis, 1), y.movedim(1 + self.axis, 1)
        chances = masks.flatten(2).amax(2).gt(0).float() + 1e-6
        half = count // 2
        full = torch.multinomial(chances, half, replacement=True) if half else chances.new_zeros(len(x), 0).long()
        chosen = torch.cat([full, torch.randint(slices.shape[1], (len(x), count - count // 2)).to(full)], 1)
        rows = torch.arange(len(x), device=x.device)[:, None]
        top, left = (self._start(size) for size in slices.shape[3:])
        slices, masks = slices[rows, chosen], masks[rows, chosen]
        if self.window:
            part = (slice(top, top + self.window), slice(left, left + self.window))
            slices, masks = slices[..., part[0], part[1]], masks[..., part[0], part[1]]
        return slices.flatten(0, 1), masks

    def _start(self, size: int) -> int:
        return int(torch.randint(size - self.window + 1, ())) if 0 < self.window < size else 0

    def _planes(self, x: Tensor) -> Tensor:
        if not 0 < self.window < max(x.shape[2:]):
            return self.planar(x)
        from monai.inferers import sliding_window_inference

        return sliding_window_inference(x, (self.window,) * 2, AT_ONCE, self.planar, OVERLAP, mode="gaussian")


class Projected(nn.Module):
    """(B, C, D, H, W) to (B, 2, D, H, W): one dynamic image of the volume, and one prediction per line along its axis.

    It predicts which lines intersect the structure, with the same value for all voxels of a line: a projection has no
    information about the position along the line.
    """

    def __init__(self, pooling: RankPooling, planar: Planar) -> None:
        super().__init__()
        self.pooling, self.planar = pooling, planar
        self.axis = PLANES[pooling.view.plane]

    @property
    def progress(self) -> Progress:
        return self.planar.progress

    def forward(self, x: Tensor) -> Tensor:
        lines = self.planar(self.pooling(x)).unsqueeze(2 + self.axis)
        sizes = list(lines.shape)
        sizes[2 + self.axis] = x.shape[2 + self.axis]
        return lines.expand(sizes)

    def sample_slices(self, x: Tensor, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The images (B, C', rows, columns), and the lines that intersect the structure, (B, 1, rows, columns)."""
        return self.pooling(x), y.amax(1 + self.axis).unsqueeze(1)
