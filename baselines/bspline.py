"""B-splines: a deformable registration without learning, with few parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines._classical_registration import ClassicalMethod
from bench.core import BenchError, param

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Bspline(ClassicalMethod):
    """Free-form deformation by cubic B-splines after an affine map, by SimpleITK's L-BFGS-B on a pyramid.

    Source: Rueckert et al., IEEE TMI 18, 1999 (doi:10.1109/42.796284); https://simpleitk.org.
    """

    iterations: int = param(20, "iterations on each level of the pyramid")
    cells: int = param(6, "cells of the lattice of splines along each axis")
    voxels: float = param(0.2, "share of the voxels that are compared, on a regular grid")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cells < 1:
            raise BenchError(f"bspline: cells must be 1 or more, not {self.cells}")
        if not 0 < self.voxels <= 1:
            raise BenchError(f"bspline: voxels must be above 0 and at most 1, not {self.voxels}")

    def align(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        from baselines import _simpleitk

        return _simpleitk.bspline(fixed, moving, self.budget, self.metric, (self.cells,) * fixed.ndim, self.voxels)


METHOD = Bspline
