"""Progressive resizing: scans are small at first and grow during training."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.curricula._sizing import SizeCurriculum
from bench.core import BenchError, param
from bench.curriculum import Signals, Stage


@dataclass(frozen=True)
class ProgressiveResizing(SizeCurriculum):
    """Scans and their masks are resized: to `scale` until `delay`, then linearly up to full size.

    Linear interpolation, masks to the nearest voxel. No axis becomes shorter than `smallest` or longer than it was. The
    network is tested on all sizes before training; an unsupported one is an error.

    Source: Composer's progressive resizing, https://github.com/mosaicml/composer, from fast.ai.
    """

    scale: float = param(0.5, "size of scans at the start, as a share of full size")
    delay: float = param(0.5, "share of the steps at that size")
    finetune: float = param(0.2, "share of the steps, at the end, with scans of full size")
    increment: int = param(4, "sizes are multiples of this, in pixels")
    smallest: int = param(16, "smallest size of an axis, in pixels")

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1 or min(self.delay, self.finetune) < 0 or self.delay + self.finetune > 1:
            raise BenchError("scale must be above 0 and at most 1; delay, finetune and their sum must be from 0 to 1")
        if min(self.increment, self.smallest) < 1:
            raise BenchError(f"increment and smallest must be 1 or more, not {self.increment} and {self.smallest}")

    def at(self, progress: float, signals: Signals) -> Stage:
        return Stage(size=self.size(progress, signals.shape))

    def size(self, progress: float, shape: tuple[int, ...]) -> tuple[int, ...]:
        scale = self.scale_at(progress)
        if scale >= 1:
            return shape[1:]
        near = [self.increment * round(scale * axis / self.increment) for axis in shape[1:]]
        return tuple(min(whole, max(self.smallest, axis)) for axis, whole in zip(near, shape[1:], strict=True))

    def scale_at(self, progress: float) -> float:
        """Factor of the sizes at `progress`."""
        if progress < self.delay:
            return self.scale
        grown = (progress - self.delay) / max(1e-12, 1 - self.finetune - self.delay)
        return min(1.0, self.scale + (1 - self.scale) * grown)


CURRICULUM = ProgressiveResizing
