"""Demons: a deformable registration without learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines._classical_registration import ClassicalMethod
from bench.core import BenchError, param

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Demons(ClassicalMethod):
    """Demons after an affine map, by SimpleITK: diffeomorphic, or with fast symmetric forces.

    Grey values of the moving scan are matched to those of the fixed one first. Source: Thirion, Medical Image Analysis
    2, 1998; Vercauteren et al., NeuroImage 45, 2009 (doi:10.1016/j.neuroimage.2008.10.040); https://simpleitk.org.
    """

    smoothing: float = param(1.0, "standard deviation of the Gaussian that smooths the displacement, in voxels")
    diffeomorphic: bool = param(True, "on: updates are integrated, so that the deformation can be inverted")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smoothing <= 0:
            raise BenchError(f"demons: smoothing must be above 0, not {self.smoothing}")

    def align(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        from baselines import _simpleitk

        options = self.smoothing, self.diffeomorphic
        return _simpleitk.demons(fixed, moving, self.budget, self.metric, *options)


METHOD = Demons
