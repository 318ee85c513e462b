"""Input blur: scans are blurred, less and less during training."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import BenchError, param
from bench.curriculum import Curriculum, Signals, Stage

COURSES = ("falling", "growing", "constant")


@dataclass(frozen=True)
class InputBlur(Curriculum):
    """A Gaussian blur of the network's input, whose deviation falls linearly to 0 at `end`; of both scans of a pair.

    Source: Burduja, Ionescu, Unsupervised medical image alignment with curriculum learning, ICIP 2021,
    arXiv 2102.10438; theirs is 1 voxel, over the first half of the training.
    """

    sigma: float = param(1.0, "standard deviation of the blur at the start, in pixels or voxels of the view")
    end: float = param(0.5, "share of the steps after which the blur is off")
    course: str = param(
        "falling", "falling; controls: growing, the reverse in time, and constant, to the end", COURSES, later=True
    )

    def __post_init__(self) -> None:
        if self.sigma < 0 or not 0 < self.end <= 1:
            raise BenchError(f"sigma must be 0 or more, end above 0 and at most 1, not {self.sigma} and {self.end}")

    def at(self, progress: float, signals: Signals) -> Stage:
        if self.course == "constant":
            return Stage(blur=self.sigma)
        left = 1 - progress if self.course == "growing" else progress
        return Stage(blur=self.sigma * max(0.0, 1 - left / self.end))


CURRICULUM = InputBlur
