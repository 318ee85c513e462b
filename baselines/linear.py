"""A linear model of coarse voxels: the baseline that a deep method has to beat to be worth its cost."""

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
class Linear(Method):
    """Logistic regression (classes) or ridge regression (numbers) on every voxel of the coarse volume.

    Each voxel is standardised on the training part; nearly constant voxels are scaled less. Images are averaged to at
    most 32 x 32 pixels first. The problem is solved in the span of the training scans, which contains the weights of
    any model with a squared penalty, so hundreds of scans of a hundred thousand voxels take about a second; the result
    is that of the full problem and needs no seed. The penalty is chosen on the training part alone: by leave-one-out
    squared error for numbers, by log loss in five-fold cross-validation for classes. (Two scans of one person may be in
    different folds, which can only favour too small a penalty.) In a broad comparison such a model was as good as any
    convolutional network (Wen et al., Medical Image Analysis 63, 2020).
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the model")
    penalties: tuple[float, ...] = param(
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        "candidate penalties: factors of half the squared weights, with scans scaled to a mean length of at most 1",
    )

    def __post_init__(self) -> None:
        if not self.penalties or min(self.penalties) <= 0:
            raise BenchError(f"penalties must be positive numbers, not {self.penalties}")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._floors import LinearVoxels

        return LinearVoxels(shape, task.outputs)

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        model.fit(x, y, task, self.penalties)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (2, 3))


METHOD = Linear
