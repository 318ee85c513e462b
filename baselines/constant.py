"""The lowest baseline: the same prediction for every scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import Task, param
from bench.method import Method
from bench.views import View, Volume

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Constant(Method):
    """The same prediction for every scan: class frequencies, median, or most frequent mask of the training part.

    It does not use the images, so its score is that of a method without information. Every other method has to beat it.
    """

    family: ClassVar[str] = "floor"
    blind: ClassVar[bool] = True
    solves: ClassVar[bool] = True

    view: View = param(Volume(mm=16.0), "how a scan becomes the input; small, because the method does not read it")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._floors import SameAnswer, SameMask

        return SameMask(shape, task.outputs) if task.kind == "segmentation" else SameAnswer(task.outputs)

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        import numpy as np

        if task.kind == "segmentation":
            return model.set(y)
        if task.kind == "regression":
            return model.set([float(np.median(y))])
        counts = np.bincount(y.astype(int), minlength=task.outputs)
        return model.set(np.log((counts + 1e-6) / (counts.sum() + 1e-6 * len(counts))))


METHOD = Constant
