"""The interval of a score: among those that fit its metric, the one with the better coverage in simulations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bench.evaluation.bootstrap import Fold, Interval, error_free_bound, group_bootstrap, inflation
from bench.evaluation.delong import area_interval
from bench.evaluation.metrics import Metric


def is_area(metric: Metric, classes: int) -> bool:
    """Check whether a score is the area under one ROC curve, which has an interval without resampling.

    Parameters
    ----------
    metric : Metric
    classes : int
        Number of classes of the task.

    Returns
    -------
    bool
        True for the AUC of two classes.
    """
    return metric.name == "auc" and classes == 2


def fold_correlation(folds: int, train: float, test: float) -> float:
    """Upper bound of the correlation of the errors of the scores of two folds of a cross-validation.

    The model of each fold is trained on most scans on which the others are tested: where a scan resembles the other
    class by chance, both folds err together. Where the output of a model is a sum over its training scans and labels
    are uninformative, the correlation is train / (test (folds - 1)^2), the training share over folds - 1. Simulations
    show this value for uninformative labels and less where there is something to learn (see the tests).

    Parameters
    ----------
    folds : int
        Folds of the cross-validation.
    train, test : float
        Number of scans that each fold is trained and tested on.

    Returns
    -------
    float
        In [0, 1]; 0 for one fold.
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

    For the area under the ROC curve of two classes it is the logit interval with the variance of DeLong. For other
    scores, and where a class has only one group in a fold, it is the percentile interval of the bootstrap over groups.
    Where all scans are classified without error, resampling shows no error either: the bound is
    then `error_free_bound`.

    Parameters
    ----------
    metric : Metric
    folds : sequence of (targets, predictions, groups)
        The test part of each model.
    rng : numpy.random.Generator
    repeats : int
        Number of resamples.
    level : float
        Coverage of the interval, in (0, 1).
    correlation : float
        Correlation of the errors of two folds, by `fold_correlation`; 0 where no model is trained on the test part of
        another.

    Returns
    -------
    Interval
        NaN bounds where no fold has two groups.
    """
    if is_area(metric, np.shape(folds[0][1])[-1]):
        interval = area_interval(folds, level, correlation)
        if not math.isnan(interval.low):
            return interval
    return _widened(metric, folds, group_bootstrap(metric, folds, rng, repeats, level), correlation)


def _widened(metric: Metric, folds: Sequence[Fold], found: Interval, correlation: float) -> Interval:
    """Widen a percentile interval for correlated folds, and for errors that few scans do not show."""
    more = inflation(max(1, round(len(folds) * (1 - found.undefined))), correlation)
    if found.low == found.high:  # no resample differs
        if all(len(set(groups)) < 2 for _, _, groups in folds):
            return replace(found, low=math.nan, high=math.nan)
        return _without_variation(metric, folds, found, more)
    low, high = (found.estimate + math.sqrt(more) * (bound - found.estimate) for bound in (found.low, found.high))
    return replace(found, low=max(low, metric.low), high=min(high, metric.high))


def _without_variation(metric: Metric, folds: Sequence[Fold], found: Interval, more: float) -> Interval:
    """The interval where no resample differs: the mean over folds of bounds for folds whose scores are all 1 or all 0.

    A fold with another score, as a constant prediction has by its definition, keeps it. So do scores that are no
    proportions.
    """
    if metric.kind != "classification" or (metric.low, metric.high) != (0, 1):
        return found
    values = [metric(*fold[:2]) for fold in folds]
    right, wrong = ([fold for fold, value in zip(folds, values, strict=True) if value == end] for end in (1, 0))
    lows = {1.0: error_free_bound(right, found.level, more)} if right else {}
    highs = {0.0: 1 - error_free_bound(wrong, found.level, more)} if wrong else {}
    scored = [value for value in values if not math.isnan(value)]
    low, high = (float(np.mean([bounds.get(value, value) for value in scored])) for bounds in (lows, highs))
    return replace(found, low=low, high=high)
