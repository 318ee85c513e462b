"""Curriculum by smoothing (CBS): feature maps of all convolutions are blurred, less and less."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import BenchError, Task, param
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method


@dataclass(frozen=True)
class FeatureSmoothing(Curriculum):
    """A Gaussian filter of three taps per axis after every convolution with a kernel larger than 1, 2D or 3D.

    It precedes normalisation and activation; the border is repeated. Its deviation is multiplied by `factor` `falls`
    times, evenly over the training; below a tenth of a pixel there is no blur. Unlike in the authors' code, the
    evaluated network has no such filters.

    In registration Burduja and Ionescu (ICIP 2021, arXiv 2102.10438) smooth the encoder alone, by a deviation that
    falls in a line from 1 to 0 over the first half of the training: `where=encoder course=linear`; its control is
    `course=growing`.

    Source: Sinha, Garg, Larochelle, Curriculum by smoothing, NeurIPS 2020; theirs is 1, times 0.9 every 5 of 200
    epochs.
    """

    sigma: float = param(1.0, "standard deviation of the blur at the start, in pixels of each map")
    factor: float = param(0.9, "factor of the deviation at each reduction")
    falls: int = param(40, "number of reductions over the training, including the start")
    course: str = param(
        "falls",
        "falls; linear: in a line to 0 at `end`; growing, its control: linear in reverse",
        ("falls", "linear", "growing"),
        later=True,
    )
    end: float = param(0.5, "linear: share of the steps after which there is no blur", later=True, within=(0, 1))
    where: str = param(
        "all", "all convolutions, or those of the encoder, of networks that name it", ("all", "encoder"), later=True
    )

    def __post_init__(self) -> None:
        if self.sigma < 0 or not 0 < self.factor <= 1 or self.falls < 1 or self.end <= 0:
            raise BenchError("sigma must be 0 or more, factor above 0 and at most 1, falls 1 or more, end above 0")

    def at(self, progress: float, signals: Signals) -> Stage:
        share = self.factor ** int(self.falls * progress + 1e-9)
        if self.course != "falls":
            left = 1 - progress if self.course == "growing" else progress
            share = max(0.0, 1 - left / self.end)
        return Stage(map_blur=self.sigma * share, encoder_only=self.where == "encoder")

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(method, task, shape):
            return reason
        from baselines.curricula import _network
        from bench.training.curriculum_hooks import convolutions, encoder_convolutions

        network = _network.built(method, task, shape)
        if self.where == "encoder" and not encoder_convolutions(network):
            return "the network does not say which of its convolutions are its encoder; set where to all"
        layers = convolutions(network)
        return None if layers else "the network has no convolutions whose maps could be smoothed"


CURRICULUM = FeatureSmoothing
