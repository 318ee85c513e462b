"""SyN: a symmetric deformable registration without learning."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from baselines._classical_registration import ClassicalMethod
from bench.core import BenchError, Task, param

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Syn(ClassicalMethod):
    """Symmetric diffeomorphic registration by local correlation after SimpleITK's affine map, by dipy.

    dipy is an optional extra: without it the method is refused. Source: Avants et al., Medical Image Analysis 12, 2008
    (doi:10.1016/j.media.2007.06.004); Garyfallidis et al., Frontiers in Neuroinformatics 8:8, 2014, https://dipy.org.
    """

    radius: int = param(2, "radius of the window of the correlation, in voxels")
    smoothing: float = param(2.0, "standard deviation of the Gaussian that smooths an update, in voxels")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.radius < 1 or self.smoothing <= 0:
            raise BenchError(
                f"syn: radius must be 1 or more and smoothing above 0, not {self.radius}, {self.smoothing}"
            )

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(task, shape):
            return reason
        if min(shape[1:]) <= 2 * self.radius + 1:
            return f"its window of {2 * self.radius + 1} voxels is not smaller than the scan; set a smaller radius"
        if find_spec("dipy") is None:
            return "it needs dipy, which is not installed; run: pip install 'dclse-bench[syn]'"
        return None

    def align(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        from baselines import _dipy, _simpleitk

        first = _simpleitk.affine(fixed, moving, self.budget, self.metric)
        return _dipy.syn(fixed, moving, first, (self.iterations,) * len(self.shrink), self.radius, self.smoothing)


METHOD = Syn
