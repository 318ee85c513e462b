"""What a fit amounts to on the test part, once it is over: scores, the audit of the selection, the curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.core import Task
from bench.metrics import METRICS, evaluate
from bench.train import LAST, Fit


def metrics(
    fit: Fit, task: Task, said: Sequence[np.ndarray], y: np.ndarray, spacing: Sequence[float] | None = None,
    learnt: Task | None = None,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Every metric of the test part at the selected and the last point, and the audit of the selection.

    said: the predictions on the test part at each evaluation point. The audit is never ranked: it shows what choosing
    the point on the test part would have flattered. spacing: millimetres along the axes of masks. learnt: the task
    that was learnt, where other data with another task are tested on.
    """
    primary = METRICS[task.primary]
    scores = [primary(y, one, spacing) for one in said]
    finite = [score for score in scores if math.isfinite(score)]
    last = [score for score in scores[-LAST:] if math.isfinite(score)]
    best = max if primary.better == "higher" else min
    return {
        "selected": evaluate(task, y, said[fit.selected], spacing),
        "last": evaluate(task, y, said[-1], spacing),
        "validation": {(learnt or task).primary: fit.points[fit.selected].val},
        "audit": {
            "best_of_last": best(last, default=math.nan),
            "best_of_all": best(finite, default=math.nan),
        },
    }


def curve(
    fit: Fit, task: Task, said: Sequence[np.ndarray], y: np.ndarray, spacing: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """A row per evaluation point: losses, the primary metric on the validation and the test part, what was watched."""
    return [
        {
            "step": point.step,
            "train_loss": point.train_loss,
            "val_loss": point.val_loss,
            "val": point.val,
            "test": METRICS[task.primary](y, one, spacing),
            **({"watched": dict(point.watched)} if point.watched else {}),
        }
        for point, one in zip(fit.points, said, strict=True)
    ]
