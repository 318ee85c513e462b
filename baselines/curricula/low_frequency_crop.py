"""The low-frequency crop of EfficientTrain: coarse structure first, on smaller scans."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.curricula._sizing import SizeCurriculum
from bench.core import BenchError, param
from bench.curriculum import Signals, Stage


@dataclass(frozen=True)
class LowFrequencyCrop(SizeCurriculum):
    """Only the low frequencies of each scan, as a smaller scan with the same mean; more of them at each stage.

    Masks are resized to the nearest voxel. No axis becomes shorter than `smallest`. The network is tested on all sizes
    before training; an unsupported one is an error. The growing augmentation of the source is left out: augmentation
    belongs to the method.

    Source: Wang et al., EfficientTrain: exploring generalized curriculum learning for training visual backbones, ICCV
    2023; theirs are 160 of 224 pixels, from 60 % of the training on 192, from 80 % on all.
    """

    bands: tuple[float, ...] = param((160 / 224, 192 / 224, 1.0), "share of each axis of the spectrum in each stage")
    starts: tuple[float, ...] = param((0.0, 0.6, 0.8), "share of the steps at which each stage begins")
    smallest: int = param(16, "smallest size of an axis, in pixels")

    def __post_init__(self) -> None:
        if not self.bands or len(self.bands) != len(self.starts) or not all(0 < band <= 1 for band in self.bands):
            raise BenchError("bands must be above 0 and at most 1, one for each entry of starts")
        if self.starts[0] != 0 or list(self.starts) != sorted(self.starts) or self.smallest < 1:
            raise BenchError("starts must begin at 0 and never decrease, smallest must be 1 or more")

    def at(self, progress: float, signals: Signals) -> Stage:
        return Stage(band=self.size(progress, signals.shape))

    def size(self, progress: float, shape: tuple[int, ...]) -> tuple[int, ...]:
        band = [band for band, start in zip(self.bands, self.starts, strict=True) if progress >= start - 1e-9][-1]
        return tuple(min(axis, max(self.smallest, round(band * axis))) for axis in shape[1:])


CURRICULUM = LowFrequencyCrop
