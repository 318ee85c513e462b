"""The uneven sensitivity of a receiver coil: a smooth factor over the scan."""

from __future__ import annotations

import itertools

import numpy as np

from bench.training.augment.changed_scan import ChangedScan, channel_moments
from bench.training.augment.scan_random import Strength, between
from bench.training.augment.smooth_field import DEGREE, field, polynomials


def apply(scan: ChangedScan, strength: Strength, rng: np.random.Generator) -> None:
    """Multiply all channels by the exponential of a polynomial; the factor has a mean of 1 over the scan."""
    coefficients = legendre_coefficients(len(scan.sizes), strength, rng)
    factor = field(coefficients, [polynomials(size) for size in scan.sizes], scan.x.device).exp_()
    scan.x = scan.x * (factor / channel_moments(factor[None])[0][0])


def legendre_coefficients(rank: int, strength: Strength, rng: np.random.Generator) -> np.ndarray:
    """(DEGREE + 1, ...) along `rank` axes: uniform where the degrees add up to 1 to DEGREE, else 0."""
    coefficients = np.zeros([DEGREE + 1] * rank)
    for degrees in itertools.product(range(DEGREE + 1), repeat=rank):
        if 0 < sum(degrees) <= DEGREE:
            coefficients[degrees] = between(rng, strength, "coefficient")
    return coefficients
