"""A linear model of age, sex, brain volume and the like: the baseline that reads no scan."""

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
class Covariates(Method):
    """Logistic regression (classes) or ridge regression (numbers) on what is known of a person without the scan.

    It reads the covariates that the data set declares for it (`floor_covariates`), such as age, sex and whole-brain
    volume, and no image. Covariates that define the target are never declared, and a declared one that orders or
    separates the targets is refused. Missing values are replaced by the mean, and columns are standardised, both of the
    training part. The penalty is chosen on the training part alone, by leaving out people, as that of `linear` is. A
    network that does not beat it has found nothing that such a table does not hold.
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True
    reads_covariates: ClassVar[bool] = True
    reads_groups: ClassVar[bool] = True
    version: ClassVar[int] = 2

    view: View = param(Volume(mm=16.0), "not used: the method reads no scan")
    normalise: str = param("none", "not used: columns are standardised by the model itself", ("train", "none"))
    penalties: tuple[float, ...] = param(
        (0.1, 1.0, 10.0, 100.0), "candidate penalties: factors of half the squared weights of standardised columns"
    )

    def __post_init__(self) -> None:
        if not self.penalties or min(self.penalties) <= 0:
            raise BenchError(f"penalties must be positive numbers, not {self.penalties}")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._floors import LinearTable

        return LinearTable(shape, task.outputs)

    def solve(
        self,
        model: nn.Module,
        x: np.ndarray,
        y: np.ndarray,
        task: Task,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> None:
        model.fit(x, y, task, self.penalties, groups)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (2, 3))


METHOD = Covariates
