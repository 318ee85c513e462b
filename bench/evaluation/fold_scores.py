"""Scores by partition, fold and seed: their means, and the differences of two arms that are paired by them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Cell = tuple[int, int, int]  # partition, fold, seed
Scores = Mapping[Cell, float]  # of one arm; a cell that is not there, or NaN, is a missing score


@dataclass(frozen=True)
class Paired:
    """Arm - reference in every (partition, fold) that both have."""

    differences: np.ndarray  # (J,)
    cells: tuple[tuple[int, int], ...]  # (partition, fold) of each
    missing: tuple[Cell, ...]  # that only one of the two has, or that are planned and neither has: left out


def average_seeds(scores: Scores) -> dict[tuple[int, int], float]:
    """The mean over seeds for each (partition, fold), in order. Missing seeds are left out."""
    folds: dict[tuple[int, int], list[float]] = {}
    for partition, fold, seed in sorted(scores):
        if math.isfinite(scores[partition, fold, seed]):
            folds.setdefault((partition, fold), []).append(scores[partition, fold, seed])
    return {cell: float(np.mean(values)) for cell, values in folds.items()}


def fold_mean(scores: Scores) -> float:
    """The score of a table: the mean over (partition, fold) of the means over seeds. NaN where there is none."""
    folds = average_seeds(scores)
    return float(np.mean(list(folds.values()))) if folds else math.nan


def paired(arm: Scores, reference: Scores, planned: Sequence[Cell] = ()) -> Paired:
    """Differences of two arms over the cells that both have, seeds averaged within each (partition, fold).

    planned: every cell that should be there, so that those which neither arm has are named as missing too.
    """
    has = [{cell for cell, score in scores.items() if math.isfinite(score)} for scores in (arm, reference)]
    both = has[0] & has[1]
    folds = average_seeds({cell: arm[cell] - reference[cell] for cell in both})
    missing = (set(arm) | set(reference) | {tuple(cell) for cell in planned}) - both
    return Paired(np.array(list(folds.values())), tuple(folds), tuple(sorted(missing)))
