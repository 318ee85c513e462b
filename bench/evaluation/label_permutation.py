"""The random-label control: methods trained on permuted labels must score at chance level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.evaluation.detectable_difference import detectable, detectable_range

PERMUTATIONS = 20  # of the labels, at least, for a verdict
REACH = 2  # standard errors from chance that a control may lie


@dataclass(frozen=True)
class Verdict:
    """The result of the random-label control."""

    mean: float
    se: float
    permutations: int
    chance: float
    verdict: str  # "passes", "fails" or "too few"

    @property
    def passes(self) -> bool:
        """Whether the control passes; False also where there are too few permutations."""
        return self.verdict == "passes"

    def detectable(self) -> tuple[float, float, float]:
        """The true distance from chance that 80 % of such controls fail at, and its 95 % interval.

        Returns
        -------
        (float, float, float)
            In the unit of the score; NaN with fewer than two scores, 0 where all scores are the same.
        """
        from scipy.special import stdtr

        df = self.permutations - 1
        if not df > 0:
            return math.nan, math.nan, math.nan
        level = 2 * float(stdtr(df, -REACH))
        return detectable(self.se, df, alpha=level), *detectable_range(self.se, df, alpha=level)


def random_labels_verdict(scores: Sequence[float] | np.ndarray, chance: float) -> Verdict:
    """Check that a method trained on permuted labels scores at chance: its mean within 2 standard errors of chance.

    The control does not detect a leak that permuted labels do not share: a person under two names whose two scans have
    exchanged their labels with different people.

    Parameters
    ----------
    scores : sequence of float
        One score for each permutation, averaged over folds and seeds first; NaN is left out.
    chance : float
        The chance level of the score.

    Returns
    -------
    Verdict
        "too few" with fewer than 20 scores.
    """
    scores = np.asarray(scores, dtype=float)
    scores = scores[np.isfinite(scores)]
    mean = float(scores.mean()) if len(scores) else math.nan
    se = float(scores.std(ddof=1) / math.sqrt(len(scores))) if len(scores) > 1 else math.nan
    if len(scores) < PERMUTATIONS:
        return Verdict(mean, se, len(scores), chance, "too few")
    passes = abs(mean - chance) <= REACH * se + 1e-12  # allows for rounding where all scores are at chance
    return Verdict(mean, se, len(scores), chance, "passes" if passes else "fails")
