"""A linear model of coarse voxels: the baseline that a deep method has to beat to be worth its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

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
    any model with a squared penalty, so hundreds of scans of a hundred thousand voxels take seconds; the result is that
    of the full problem and needs no seed. Penalty and grid (4, 8 or 12 mm) are chosen together on the training part
    alone, by leaving out people: by the squared error of leaving out each person for numbers, by the log loss of
    five-fold cross-validation for classes, repeated up to four times if there are few scans. The record has what was
    chosen. On OASIS-1 (5 folds x 4 partitions) the choice has an AUC of 0.71 for dementia, mostly at 12 mm, and 4 mm
    alone 0.69; for age both have a mean absolute error of 7.7 years. In a broad comparison such a model was as good as
    any convolutional network (Wen et al., Medical Image Analysis 63, 2020).
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True
    reads_groups: ClassVar[bool] = True
    version: ClassVar[int] = 2

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the model")
    penalties: tuple[float, ...] = param(
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        "candidate penalties: factors of half the squared weights, with scans scaled to a mean length of at most 1",
    )

    grids: tuple[int, ...] = param(
        (1, 2, 3), "candidate grids: edges, in voxels of the view, of the cubes that are averaged to one voxel"
    )

    def __post_init__(self) -> None:
        if not self.grids or min(self.grids) < 1:
            raise BenchError(f"grids must be whole numbers of at least 1, not {self.grids}")
        if not self.penalties or min(self.penalties) <= 0:
            raise BenchError(f"penalties must be positive numbers, not {self.penalties}")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._floors import LinearVoxels

        return LinearVoxels(shape, task.outputs)

    def solve(
        self,
        model: nn.Module,
        x: np.ndarray,
        y: np.ndarray,
        task: Task,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> None:
        model.fit(x, y, task, self.grids, self.penalties, groups)

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        return {"grid": int(model.grid), "penalty": float(model.penalty)}

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (2, 3))


METHOD = Linear
