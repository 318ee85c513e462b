"""Which interval stands beside a score: the better one in simulations, of those that fit its metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.metrics import Metric
from bench.stats.people import Fold, Interval, group_bootstrap
from bench.stats.roc import area_interval


def is_area(metric: Metric, classes: int) -> bool:
    """Whether a score is the area under one ROC curve, which has an interval without resampling."""
    return metric.name == "auc" and classes == 2


def score_interval(
    metric: Metric, folds: Sequence[Fold], rng: np.random.Generator, repeats: int = 2000, level: float = 0.95
) -> Interval:
    """The mean over folds of a score, with its interval for *these trained models* on new people.

    Of the area under the ROC curve of two classes the logit interval with the variance of DeLong; else, and where a
    class has one group only in a fold, the percentile interval of the bootstrap over groups.
    """
    if is_area(metric, np.shape(folds[0][1])[-1]):
        found = area_interval(folds, level)
        if not math.isnan(found.low):
            return found
    return group_bootstrap(metric, folds, rng, repeats, level)
