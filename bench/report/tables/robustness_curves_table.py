"""The mean score of every arm at every strength of every corruption, for the figure. No rows on the page."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench import evaluation
from bench.core import seed_of
from bench.report.tables import score_interval
from bench.report.tables.robustness_scores import RobustnessScores, read
from bench.report.tables.table_spec import TableSpec
from bench.storage.robustness_cache import STRENGTHS

REPEATS = 400  # of the bootstrap of one point of a curve
CURVES = ("data", "data_kind", "arm", "corruption", "strength", "metric", "score", "low", "high", "folds")


def curves(found: RobustnessScores) -> pd.DataFrame:
    """The mean score over folds of every arm at every strength, with its interval over people."""
    section = found.section
    rows = []
    for arm in section.arms:
        for corruption in found.corruptions:
            for strength in range(STRENGTHS + 1):
                score, low, high, folds = _point(found, arm, corruption, strength)
                rows.append(
                    (
                        section.name,
                        section.kind,
                        arm,
                        corruption,
                        strength,
                        section.task.primary,
                        score,
                        low,
                        high,
                        folds,
                    )
                )
    frame = pd.DataFrame(rows, columns=CURVES)
    return frame[frame["folds"] > 0].reset_index(drop=True)


def _point(found: RobustnessScores, arm: str, corruption: str, strength: int) -> tuple[float, float, float, int]:
    """Score, low, high and the number of folds at one strength."""
    values = {run.place: found.score(run, corruption, strength) for run in found.runs(arm)}
    runs = [run for run in found.runs(arm) if not math.isnan(values[run.place])]
    folds = len({run.place[:2] for run in runs})
    if not runs:
        return math.nan, math.nan, math.nan, 0
    passes: dict[tuple[int, ...], list] = {}  # each tests everybody once
    for run in runs:
        passes.setdefault(found.section.one_pass(run), []).append(found.part(run, corruption, strength))
    score = evaluation.fold_mean(values)
    rng = np.random.default_rng(seed_of(found.section.name, arm, corruption, strength, "stress"))
    low, high, _ = score_interval.interval(found.section, score, list(passes.values()), rng, REPEATS)
    return score, low, high, folds


TABLE = TableSpec(
    "robustness_curves",
    "Scores by strength of the corruption",
    order=1450,
    frame=lambda found: curves(read(found.section)),
)
