"""The ranges that scores and their differences cannot leave: no interval of a table shows a value beyond them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bench.evaluation.metrics import Metric
from bench.report.tables.number_format import NOTHING, between, decimals, plural

if TYPE_CHECKING:
    from bench.report.tables.results import DatasetResults

Bounds = tuple[float, float]
FEW = 2  # folds of which an interval can span all possible values


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


def interval_cell(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    """The interval of an improvement; a reason where it spans every difference that the metric can have, or nearly."""
    low, high = entry["low"], entry["high"]
    most = largest_difference(section.metric) * (2 if entry.get("effect") == "interaction" else 1)
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    all_of_it = low <= -most and high >= most
    if all_of_it or (entry["folds"] <= FEW and (low <= -most or high >= most)):
        return f"not estimable with {plural(entry['folds'], 'fold')}"
    return between(low, high, decimals(section.metric))
