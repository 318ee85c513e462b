"""A support vector machine of coarse voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Task, param
from bench.method import Method, why_unsupported
from bench.views import View, Volume

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Svm(Method):
    """A support vector machine (one class against the others) or support vector regression (numbers) on voxels.

    Voxels are standardised as in `linear`, images averaged to 32 x 32 pixels first. The dual is solved by scikit-learn.
    The cost is chosen on the training part alone, by accuracy or absolute error in five-fold cross-validation, and the
    same left-out margins fit the slope and offset of Platt scaling (Platt 1999). In a broad comparison a linear machine
    on voxels was as good as any convolutional network (Wen et al., Medical Image Analysis 63, 2020).
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the model")
    kernel: str = param("linear", "kernel; with rbf the model stores its support vectors", ("linear", "rbf"))
    costs: tuple[float, ...] = param(
        (0.01, 0.1, 1.0, 10.0), "candidate costs of a margin violation, with scans scaled to a mean length of at most 1"
    )
    gamma: float = param(1.0, "gamma of the rbf kernel, for scans scaled in the same way")
    tube: float = param(
        0.1, "numbers: errors up to this size cost nothing (epsilon), in standard deviations of the training targets"
    )

    def __post_init__(self) -> None:
        if not self.costs or min(self.costs) <= 0 or self.gamma <= 0 or self.tube < 0:
            raise BenchError("svm: costs and gamma must be above 0, tube must be 0 or more")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._svm import Machines

        return Machines(shape, task.outputs, self.kernel, self.gamma)

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        model.fit(x, y, task, self.costs, self.tube)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (2, 3))


METHOD = Svm
