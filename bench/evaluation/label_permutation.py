"""The control that must find nothing: methods that learnt from permuted labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 20  # of the labels, at least, for a verdict


@dataclass(frozen=True)
class Verdict:
    """What became of the random-label control."""

    mean: float
    se: float
    permutations: int
    chance: float
    verdict: str  # "passes", "fails" or "too few"

    @property
    def passes(self) -> bool:
        return self.verdict == "passes"


def random_labels_verdict(scores: Sequence[float] | np.ndarray, chance: float) -> Verdict:
    """Whether a method that learnt from permuted labels scores as chance does: mean within 2 standard errors of it.

    scores: one for each permutation, folds and seeds averaged first; NaN is left out. Fewer than 20 are no verdict.
    It cannot see a leak that permuted labels share, such as the same person under two names.
    """
    scores = np.asarray(scores, dtype=float)
    scores = scores[np.isfinite(scores)]
    mean = float(scores.mean()) if len(scores) else math.nan
    se = float(scores.std(ddof=1) / math.sqrt(len(scores))) if len(scores) > 1 else math.nan
    if len(scores) < PERMUTATIONS:
        return Verdict(mean, se, len(scores), chance, "too few")
    passes = abs(mean - chance) <= 2 * se + 1e-12  # scores that all are chance differ from it by rounding
    return Verdict(mean, se, len(scores), chance, "passes" if passes else "fails")
