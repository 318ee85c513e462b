"""A smooth deformation: cubic B-splines over seven control points along each axis.

The steepest change of a displacement is its difference between two control points over their distance. At 0.04 of the
size that is at most 0.32 along each axis, below one third: the deformation cannot fold.
"""

from __future__ import annotations

import numpy as np
import torch

from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import Strength, between
from bench.training.augment.smooth_field import KNOTS, field, spline_functions


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Set the displacement of the scan, in shares of its sizes."""
    rank, most = len(scan.sizes), between(rng, strength, "displacement")
    functions = [spline_functions(size) for size in scan.sizes]
    points = rng.uniform(-most, most, (rank, *[KNOTS] * rank))
    scan.displacement = torch.stack([field(each, functions, scan.x.device) for each in points])
