"""Curriculum dropout: the rate grows from 0 during training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.core import BenchError, Task, param
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method

SCHEDULES = ("curriculum", "annealed", "switch", "constant")


@dataclass(frozen=True)
class CurriculumDropout(Curriculum):
    """Dropout whose rate at progress p is rate (1 - exp(-gamma p)).

    Its controls are other schedules: annealed, the reverse, rate exp(-gamma p), an anti-curriculum; switch, 0 and then
    the full rate at once; constant, plain dropout. By default it applies to the input of the last layer; the authors
    also drop maps of convolutions (0.25) and the input (0.1), in networks without normalisation.

    Source: Morerio et al., Curriculum dropout, ICCV 2017, arXiv 1703.06229; their gamma is 10 over the training.
    """

    schedule: str = param("curriculum", "course of the rates over the training", SCHEDULES)
    features: float = param(0.5, "dropout rate of the input of the last linear (or 1x1) layer")
    maps: float = param(0.0, "dropout rate of the output of each convolution")
    inputs: float = param(0.0, "dropout rate of the network's input")
    own: bool = param(False, "apply the schedule to the network's own dropout layers too")
    gamma: float = param(10.0, "speed of the change of the rates, over the whole training")
    switch: float = param(0.5, "switch: share of the steps after which dropout is on", within=(0, 1))

    def __post_init__(self) -> None:
        if not all(0 <= rate < 1 for rate in (self.features, self.maps, self.inputs)) or self.gamma <= 0:
            raise BenchError("dropout rates must be 0 or more and below 1, gamma must be above 0")

    def part(self, progress: float) -> float:
        """Factor of the rates at `progress`, in [0, 1]."""
        if self.schedule == "curriculum":
            return 1 - math.exp(-self.gamma * progress)
        if self.schedule == "annealed":
            return math.exp(-self.gamma * progress)
        return 1.0 if self.schedule == "constant" or progress >= self.switch else 0.0

    def at(self, progress: float, signals: Signals) -> Stage:
        part = self.part(progress)
        rates = {"drop_input": self.inputs, "drop_maps": self.maps, "drop_features": self.features}
        return Stage(**{name: rate * part for name, rate in rates.items()}, drop_own=part if self.own else 1.0)

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(method, task, shape):
            return reason
        if self.inputs and task.kind == "translation":
            return "a channel of the input is the code of the contrasts, which dropout would change; set inputs to 0"
        from baselines.curricula import _network
        from bench.training import curriculum_hooks

        network = _network.built(method, task, shape)
        if self.features and curriculum_hooks.last_layer(network) is None:
            return "the network has no linear or 1x1 layer whose input could be dropped; set features to 0"
        if self.maps and not curriculum_hooks.convolutions(network):
            return "the network has no convolutions whose maps could be dropped; set maps to 0"
        if self.own and not curriculum_hooks.dropouts(network):
            return "the network has no dropout layers of its own; set own to off"
        return None


CURRICULUM = CurriculumDropout
