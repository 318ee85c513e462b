"""Curriculum by label smoothing: the smoothing decreases during training."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import BenchError, Task, param, task_kind
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method

LEFT = 0.01  # fraction that remains at the end of an exponential decay


@dataclass(frozen=True)
class LabelSmoothing(Curriculum):
    """Label smoothing, the probability moved evenly from the true class to all others, falls to 0 at `end`.

    Source: Xu et al., Paced-curriculum distillation with label smoothing (P-CBLS), arXiv 2212.11511, whose smoothing
    falls by a constant factor; its constants are not public, so the defaults are this program's.
    """

    smoothing: float = param(0.2, "probability moved from the true class at the start")
    end: float = param(0.5, "share of the steps after which labels are not smoothed")
    fall: str = param("exponential", "linear, or exponential to a hundredth at the end", ("exponential", "linear"))

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1 or not 0 < self.end <= 1:
            raise BenchError(
                f"smoothing must be in [0, 1), end above 0 and at most 1, not {self.smoothing} and {self.end}"
            )

    def at(self, progress: float, signals: Signals) -> Stage:
        gone = progress / self.end
        if gone >= 1:
            return Stage()
        return Stage(label_smoothing=self.smoothing * (1 - gone if self.fall == "linear" else LEFT**gone))

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind == "regression":
            return "labels that are numbers cannot be smoothed over classes"
        if task_kind(task.kind).losses is not None:
            return f"the targets of {task.kind} are no classes that labels could be smoothed over"
        return super().refuses(method, task, shape)


CURRICULUM = LabelSmoothing
