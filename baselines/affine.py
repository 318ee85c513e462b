"""Affine registration: shift, turn, scale and shear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines._classical_registration import ClassicalMethod

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Affine(ClassicalMethod):
    """The affine map of twelve numbers that makes a pair most alike, by SimpleITK's gradient descent on a pyramid.

    Source: Lowekamp et al., Frontiers in Neuroinformatics 7:45, 2013 (SimpleITK), https://simpleitk.org.
    """

    def align(self, fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
        from baselines import _simpleitk

        return _simpleitk.affine(fixed, moving, self.budget, self.metric)


METHOD = Affine
