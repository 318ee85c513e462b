"""What the classical optimisers of registration share: they learn nothing and align every pair by itself."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._registration_method import PairMethod
from bench.core import BenchError, Task, param

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from baselines._simpleitk import Budget

LEAST = 4  # voxels along an axis that SimpleITK's recursive Gaussian filter needs
METRICS = ("correlation", "mi")


@dataclass(frozen=True, kw_only=True)
class ClassicalMethod(PairMethod):
    """An optimiser of SimpleITK. It aligns every pair at the time of the test; its cost has the seconds of a pair."""

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True
    learns: ClassVar[bool] = False

    metric: str = param("correlation", "what makes scans alike: correlation, or mi, mutual information", METRICS)
    iterations: int = param(100, "iterations on each level of the pyramid")
    shrink: tuple[int, ...] = param((4, 2, 1), "factors of the grids of the pyramid, from coarse to fine")

    def __post_init__(self) -> None:
        if self.iterations < 1 or not self.shrink or min(self.shrink) < 1:
            raise BenchError(f"iterations and factors must be 1 or more, not {self.iterations} and {self.shrink}")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(task, shape):
            return reason
        few = min(shape[1:]) < LEAST
        return f"SimpleITK blurs volumes of {LEAST} voxels along an axis and more, these have less" if few else None

    @property
    def budget(self) -> Budget:
        """Iterations and levels."""
        from baselines._simpleitk import Budget

        return Budget(self.iterations, self.shrink)

    @abstractmethod
    def align(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        """The displacement (3, D, H, W) in voxels of one pair of volumes (D, H, W)."""

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._alignment_networks import PerPair

        return PerPair(self.align)
