"""Evaluation of a finished training on the test part: scores, the audit of the selection, the curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.core import Task
from bench.evaluation.metrics import evaluate, metric
from bench.training.loop import Fit
from bench.training.point_selection import LAST, select_among_last


def metrics(
    fit: Fit, task: Task, predictions: Sequence[np.ndarray], y: np.ndarray, spacing: Sequence[float] | None = None,
    learnt: Task | None = None,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Evaluate every metric on the test part at the selected and the last point, with the audit of the selection.

    predictions: on the test part at each evaluation point. spacing: millimetres along the axes of masks. learnt: the
    training task, if it differs from that of the test data. The audit is never ranked. It shows how optimistic the
    score would be if the point were selected on the test part (best_of_all, and best_of_last of the last five), and
    what validation would have selected among the last five points (last_five).
    """
    primary = metric(task.primary)
    scores = [primary(y, one, spacing) for one in predictions]
    finite = [score for score in scores if math.isfinite(score)]
    last = [score for score in scores[-LAST:] if math.isfinite(score)]
    best = max if primary.better == "higher" else min
    return {
        "selected": evaluate(task, y, predictions[fit.selected], spacing),
        "last": evaluate(task, y, predictions[-1], spacing),
        "validation": {(learnt or task).primary: fit.points[fit.selected].val},
        "audit": {
            "last_five": scores[select_among_last(fit.points, learnt or task)],
            "best_of_last": best(last, default=math.nan),
            "best_of_all": best(finite, default=math.nan),
        },
    }


def prediction_bias(
    val_y: np.ndarray, val_predictions: np.ndarray, y: np.ndarray, predictions: np.ndarray
) -> dict[str, float]:
    """Regression bias of the predictions: ages of old people are predicted too low, ages of young people too high.

    val_y, val_predictions: true and predicted numbers (M,) of the validation part; y, predictions: (N,) of the test
    part. slope: of the gap, predictions - y, on y, over the test part; 0 is no bias, -1 a prediction without
    information. corrected_mae: the mean absolute error of (predictions - a) / b, where predictions = a + b y is fitted
    on the validation part alone, as by Cole et al. (NeuroImage 2017); it needs no true number of the test part. It is
    reported beside the score and never changes it: the correction widens errors as it straightens them. NaN if
    undefined.
    """
    slope = _line(y, predictions - y)[1]
    start, steep = _line(val_y, val_predictions)
    usable = math.isfinite(steep) and steep > 0.05
    corrected = float(np.abs((predictions - start) / steep - y).mean()) if usable else math.nan
    return {"slope": slope, "corrected_mae": corrected}


def operating_point(
    val_y: np.ndarray, val_predictions: np.ndarray, y: np.ndarray, predictions: np.ndarray
) -> dict[str, float]:
    """Sensitivity and specificity on the test part at the threshold that is best on the validation part (Youden 1950).

    val_y, val_predictions: classes (M,) and probabilities (M, 2) of the validation part; y, predictions: (N,) and
    (N, 2) of the test part. A scan is classified as 1 if its probability is at least the threshold. The threshold is
    the validation probability that maximises sensitivity + specificity, the highest one in case of ties. NaN if the
    validation part has one class.
    """
    ill, sure = val_y == 1, val_predictions[:, 1].astype(float)
    if ill.all() or not ill.any():
        return dict.fromkeys(("threshold", "sensitivity", "specificity"), math.nan)
    steps = np.unique(sure)[::-1]
    gains = [(sure[ill] >= step).mean() - (sure[~ill] >= step).mean() for step in steps]
    threshold = float(steps[np.argmax(np.round(gains, 12))])
    called = np.eye(2)[(predictions[:, 1].astype(float) >= threshold).astype(int)]
    rates = {name: metric(name)(y, called) for name in ("sensitivity", "specificity")}
    return {"threshold": threshold, **rates}


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of the least-squares line; NaN if x is constant."""
    spread = float(((x - x.mean()) ** 2).sum())
    if len(x) < 3 or spread == 0:
        return math.nan, math.nan
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    return float(y.mean() - slope * x.mean()), slope


def curve(
    fit: Fit, task: Task, predictions: Sequence[np.ndarray], y: np.ndarray, spacing: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """One row per evaluation point: losses, the primary metric on scans of all three parts, logged metrics."""
    return [
        {
            "step": point.step,
            "train_loss": point.train_loss,
            "val_loss": point.val_loss,
            "train": point.train,
            "val": point.val,
            "test": metric(task.primary)(y, one, spacing),
            **({"watched": dict(point.watched)} if point.watched else {}),
        }
        for point, one in zip(fit.points, predictions, strict=True)
    ]
