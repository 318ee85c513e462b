"""Scores by partition, fold and seed: their means, and the paired differences of two arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Cell = tuple[int, int, int]  # partition, fold, seed
Scores = Mapping[Cell, float]  # of one arm; an absent cell, or NaN, is a missing score


@dataclass(frozen=True)
class Paired:
    """Arm - reference in every (partition, fold) that both have."""

    differences: np.ndarray  # (J,)
    cells: tuple[tuple[int, int], ...]  # (partition, fold) of each
    missing: tuple[Cell, ...]  # cells of one arm only, or planned cells of neither: left out


def average_seeds(scores: Scores) -> dict[tuple[int, int], float]:
    """The mean over seeds for each (partition, fold), in ascending order. Missing seeds are left out."""
    folds: dict[tuple[int, int], list[float]] = {}
    for partition, fold, seed in sorted(scores):
        if math.isfinite(scores[partition, fold, seed]):
            folds.setdefault((partition, fold), []).append(scores[partition, fold, seed])
    return {cell: float(np.mean(values)) for cell, values in folds.items()}


def fold_mean(scores: Scores) -> float:
    """The score that tables show: the mean over (partition, fold) of the means over seeds. NaN without a score."""
    folds = average_seeds(scores)
    return float(np.mean(list(folds.values()))) if folds else math.nan


def paired(arm: Scores, reference: Scores, planned: Sequence[Cell] = ()) -> Paired:
    """Differences of two arms over the cells that both have, averaged over seeds within each (partition, fold).

    Parameters
    ----------
    arm, reference : mapping of (partition, fold, seed) to float
    planned : sequence of (partition, fold, seed)
        All planned cells; those that neither arm has count as missing too.

    Returns
    -------
    Paired
        arm - reference.
    """
    has = [{cell for cell, score in scores.items() if math.isfinite(score)} for scores in (arm, reference)]
    both = has[0] & has[1]
    folds = average_seeds({cell: arm[cell] - reference[cell] for cell in both})
    missing = (set(arm) | set(reference) | {tuple(cell) for cell in planned}) - both
    return Paired(np.array(list(folds.values())), tuple(folds), tuple(sorted(missing)))
