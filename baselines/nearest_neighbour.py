"""The nearest training scans by their thumbnails."""

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
class NearestNeighbour(Method):
    """Nearest neighbours by Euclidean distance of thumbnails: their class frequencies, or the mean of their numbers.

    It scores well if scans of one person, or neighbouring slices of one head, are on both sides of a split: a score
    near a deep network's indicates a leak. Probabilities are smoothed by one pseudo-count, shared equally by the
    classes.
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True

    view: View = param(Volume(mm=4.0), "how a scan becomes the input; it is averaged further to a thumbnail")
    neighbours: int = param(1, "number of neighbours")
    side: int = param(16, "largest edge of a thumbnail: so many voxels for volumes, twice as many pixels for images")

    def __post_init__(self) -> None:
        if min(self.neighbours, self.side) < 1:
            raise BenchError("nearest_neighbour: neighbours and side must be 1 or more")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._neighbours import Neighbours

        classes = task.outputs if task.kind == "classification" else 0
        return Neighbours(shape, classes, self.neighbours, self.side * (2 if len(shape) == 3 else 1))

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        model.fit(x, y)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (2, 3))


METHOD = NearestNeighbour
