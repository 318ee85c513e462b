"""The ranges that scores and their differences cannot leave: no interval of a table shows a value beyond them."""

from __future__ import annotations

from collections.abc import Iterable

from bench.evaluation.metrics import Metric

Bounds = tuple[float, float]


def score_bounds(metric: Metric, low: float, high: float) -> Bounds:
    """The interval of a score, within the range of the metric; NaN where it is NaN."""
    return max(low, metric.low), min(high, metric.high)


def difference_bounds(metric: Metric, low: float, high: float, weights: Iterable[float] = (1.0, -1.0)) -> Bounds:
    """The interval of a weighted sum of scores, whose weights add up to 0, within its possible range."""
    most = largest_difference(metric, weights)
    return max(low, -most), min(high, most)


def largest_difference(metric: Metric, weights: Iterable[float] = (1.0, -1.0)) -> float:
    """The largest value that such a sum can have: of two arms the width of the range, of an interaction up to twice it.

    Infinite for a metric without a largest value.
    """
    return (metric.high - metric.low) * sum(abs(weight) for weight in weights) / 2
