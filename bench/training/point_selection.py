"""Which evaluation point of a training is its result: the one rule for all arms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.core import Task
from bench.evaluation.metrics import metric
from bench.training.checkpoint import EvaluationPoint

NEIGHBOURS = 1  # points on either side whose validation score counts for a point
LAST = 5  # points that the rule of protocol 1 chose among, for the audit


def select(points: Sequence[EvaluationPoint], task: Task) -> int:
    """Position of the point whose validation score, averaged with those of its neighbours, is the best.

    All points are candidates. The mean is over the point and one neighbour on either side, so that the luck of one
    point, or a quality that oscillates from point to point, is not what is chosen; the first and the last point have
    one neighbour. Ties go to the lower mean of the losses, then to the later point. A point without a defined score
    is chosen only if no point has one (one class in a small validation part); then the losses alone decide.
    """
    sign = 1.0 if metric(task.primary).better == "higher" else -1.0

    def merit(at: int) -> tuple[float, float, int]:
        around = points[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]
        defined = [sign * point.val for point in around if math.isfinite(point.val)]
        known = math.isfinite(points[at].val)
        score = round(math.fsum(defined) / len(defined), 12) if known else -math.inf  # equal up to rounding is equal
        return score, -math.fsum(point.val_loss for point in around) / len(around), at

    return max(range(len(points)), key=merit)


def select_among_last(points: Sequence[EvaluationPoint], task: Task) -> int:
    """Position of the point that protocol 1 would have chosen: the best score of the last five, not averaged."""
    sign = 1.0 if metric(task.primary).better == "higher" else -1.0

    def merit(at: int) -> tuple[float, float, int]:
        value = points[at].val
        return (sign * value if math.isfinite(value) else -math.inf, -points[at].val_loss, at)

    return max(range(max(0, len(points) - LAST), len(points)), key=merit)
