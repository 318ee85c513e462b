"""The interval of the score of trained models on new people, the same for all tables and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench import evaluation
from bench.evaluation.bootstrap import Fold
from bench.evaluation.metrics import Metric
from bench.report.tables.results import DatasetResults


def judge(section: DatasetResults) -> Metric:
    """The primary metric; for masks, which no record contains, the mean of the saved scores of the scans."""
    made = section.metric
    return made if not section.task.per_voxel else replace(made, kind="regression", each=lambda y, p, spacing: p)


def interval(
    section: DatasetResults, score: float, passes: Sequence[Sequence[Fold]], rng: np.random.Generator, repeats: int
) -> tuple[float, float, float]:
    """Low, high, and the share of resampled folds without a score.

    passes: for each pass over the people, which tests each person once, (targets, predictions, groups) of its
    folds; their errors go together as `Section.correlation` says. Further seeds and partitions test the same people
    again and are no further evidence about them: the distances of the bounds from the score are averaged over the
    passes, which is right if the passes agree about people, and wide rather than narrow if not. NaN without a pass or a
    score.
    """
    if not passes or math.isnan(score):
        return math.nan, math.nan, math.nan
    metric, among = judge(section), section.correlation
    found = [evaluation.score_interval(metric, folds, rng, repeats, correlation=among) for folds in passes]
    below = float(np.nanmean([one.estimate - one.low for one in found]))
    above = float(np.nanmean([one.high - one.estimate for one in found]))
    low, high = np.clip([score - below, score + above], section.metric.low, section.metric.high)
    return float(low), float(high), float(np.mean([one.undefined for one in found]))
