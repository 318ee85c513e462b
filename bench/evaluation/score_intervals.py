"""Which interval stands beside a score: the better one in simulations, of those that fit its metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.evaluation.bootstrap import Fold, Interval, faultless, group_bootstrap, inflation
from bench.evaluation.delong import area_interval
from bench.evaluation.metrics import Metric


def is_area(metric: Metric, classes: int) -> bool:
    """Whether a score is the area under one ROC curve, which has an interval without resampling."""
    return metric.name == "auc" and classes == 2


def fold_correlation(folds: int, train: float, test: float) -> float:
    """How the errors of the scores of two folds of a cross-validation go together, at most: a correlation.

    folds: of the cross-validation. train, test: scans that each learns from and is tested on. The model of each fold
    learns from most scans that the others are tested on: where a scan by chance looks like those of the other class,
    both folds err together. Where a model's answer is a sum over the scans that it learnt from, and labels mean
    nothing, the correlation is train / (test (folds - 1)^2), the share learnt from over folds - 1. Simulations have
    that much for labels that mean nothing and less where there is something to learn (see the tests). 0 for one fold.
    """
    return min(1.0, train / (test * (folds - 1) ** 2)) if folds > 1 else 0.0


def score_interval(
    metric: Metric,
    folds: Sequence[Fold],
    rng: np.random.Generator,
    repeats: int = 2000,
    level: float = 0.95,
    correlation: float = 0.0,
) -> Interval:
    """The mean over folds of a score, with its interval for *these trained models* on new people.

    correlation: of the errors of two folds, by `fold_correlation`; 0 where no model learns from another's test part. Of
    the area under the ROC curve of two classes the logit interval with the variance of DeLong; else, and where a
    class has one group only in a fold, the percentile interval of the bootstrap over groups. Where classes are told
    without an error resampling shows none either: the bound is `faultless`. NaN where no fold has two groups.
    """
    if is_area(metric, np.shape(folds[0][1])[-1]):
        found = area_interval(folds, level, correlation)
        if not math.isnan(found.low):
            return found
    return _widened(metric, folds, group_bootstrap(metric, folds, rng, repeats, level), correlation)


def _widened(metric: Metric, folds: Sequence[Fold], found: Interval, correlation: float) -> Interval:
    """A percentile interval that allows for what folds share, and for errors that were not seen as scans are few."""
    more = inflation(max(1, round(len(folds) * (1 - found.undefined))), correlation)
    if found.low == found.high:  # no resample differs
        if all(len(set(groups)) < 2 for _, _, groups in folds):
            return replace(found, low=math.nan, high=math.nan)
        best = found.estimate == 1 and metric.kind == "classification"
        return replace(found, low=faultless(folds, found.level, more)) if best else found
    low, high = (found.estimate + math.sqrt(more) * (bound - found.estimate) for bound in (found.low, found.high))
    return replace(found, low=max(low, metric.low), high=min(high, metric.high))
