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
    """Average the scores of an arm over seeds.

    Parameters
    ----------
    scores : mapping of (partition, fold, seed) to float
        NaN is a missing score and is left out.

    Returns
    -------
    dict of (partition, fold) to float
        Means, in ascending order of the keys; a fold without a score is absent.
    """
    folds: dict[tuple[int, int], list[float]] = {}
    for partition, fold, seed in sorted(scores):
        if math.isfinite(scores[partition, fold, seed]):
            folds.setdefault((partition, fold), []).append(scores[partition, fold, seed])
    return {cell: float(np.mean(values)) for cell, values in folds.items()}


def fold_mean(scores: Scores) -> float:
    """Average the scores of an arm over seeds, then over folds: the score that tables show.

    Parameters
    ----------
    scores : mapping of (partition, fold, seed) to float
        NaN is a missing score and is left out.

    Returns
    -------
    float
        The mean, in the unit of the metric; NaN without a score.
    """
    folds = average_seeds(scores)
    return float(np.mean(list(folds.values()))) if folds else math.nan


def paired(arm: Scores, reference: Scores, planned: Sequence[Cell] = ()) -> Paired:
    """Differences of two arms over the cells that both have, averaged over seeds within each (partition, fold).

    Parameters
    ----------
    arm, reference : mapping of (partition, fold, seed) to float
        Scores of the two arms; NaN is a missing score.
    planned : sequence of (partition, fold, seed)
        All planned cells; those that neither arm has count as missing too.

    Returns
    -------
    Paired
        arm - reference, in the unit of the metric.
    """
    has = [{cell for cell, score in scores.items() if math.isfinite(score)} for scores in (arm, reference)]
    both = has[0] & has[1]
    folds = average_seeds({cell: arm[cell] - reference[cell] for cell in both})
    missing = (set(arm) | set(reference) | {tuple(cell) for cell in planned}) - both
    return Paired(np.array(list(folds.values())), tuple(folds), tuple(sorted(missing)))
