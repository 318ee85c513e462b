"""LeRaC: layers near the input learn fast at once, deeper ones later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.core import BenchError, Task, param
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method


@dataclass(frozen=True)
class Lerac(Curriculum):
    """Layer k of the network, 0 at the input, starts at factor^-k of the learning rate, at least `floor`.

    All rates grow exponentially until they are equal at `end`; plain training follows. Each weight with two or
    more axes starts a layer, in the order of definition.

    Source: Croitoru et al., Learning rate curriculum, IJCV 2024, arXiv 2205.09180. Their floors are 1e-4 to 1e-6 of the
    rate; `end` is ours.
    """

    layered: ClassVar[bool] = True

    factor: float = param(10.0, "ratio of the learning rates of neighbouring layers at the start")
    floor: float = param(1e-5, "smallest initial rate of a layer, as a share of the learning rate")
    end: float = param(0.1, "share of the steps after which all layers have the same rate")

    def __post_init__(self) -> None:
        if self.factor < 1 or not 0 < self.floor <= 1 or not 0 < self.end <= 1:
            raise BenchError("factor must be 1 or more, floor and end must be above 0 and at most 1")

    def at(self, progress: float, signals: Signals) -> Stage:
        left = max(0.0, 1 - progress / self.end)
        starts = [max(self.floor, self.factor**-layer) for layer in range(signals.layers)]
        return Stage(layer_lr=tuple(start**left for start in starts))

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(method, task, shape):
            return reason
        from baselines.curricula import _network
        from bench.training.curriculum_hooks import layers

        many = len(layers(_network.built(method, task, shape)))
        return None if many > 1 else "the network trains only one layer, so there are no deeper layers to delay"


CURRICULUM = Lerac
