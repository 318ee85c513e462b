"""Metrics: their names, direction, unit and range, and where they are undefined.

A metric is defined once, for weighted scans: `metric(y, p)` weighs all scans equally, `metric.batch(y, p, weights)`
gives one score per row of weights, so that a bootstrap of thousands of resamples is one call. Predictions are
probabilities (N, K), numbers (N,) or label maps (N, ...); targets are class indices (N,), numbers (N,) or label maps
(N, ...).

Where a score is undefined it is NaN, never an error and never a guess:
- auc, average_precision, balanced_accuracy and f1 where a class of the task is not in the part; sensitivity where
  class 1, specificity where class 0 is not; mcc where all scans are of one class; constant predictions are no such
  case: their auc is 0.5 and their mcc 0;
- correlation where targets or predictions are constant, r2 and gap_slope where the targets are.

Where 0 is best and a number may miss it either way (the gap of a predicted number, volumes, counts), the score is the
distance from 0, and lower is better.

Segmentation is scored scan by scan, over the classes other than 0 that occur in the truth or the prediction; a class
that occurs in neither is left out. `bench.evaluation.segmentation` has these scores and their values for empty masks.
Registration is scored pair by pair: `bench.evaluation.registration`. Generated images: `bench.evaluation.translation`.

A file in a plug-in folder that defines `METRIC = Metric(...)` adds a metric: it follows those of the package.

This module knows no folds, groups or methods; `bench.evaluation` averages over folds.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np

from bench.core import BenchError, Task, kind_names, task_kind
from bench.evaluation import classification, registration, regression, segmentation, translation
from bench.evaluation.metric_definition import Metric, Spacing
from bench.registry import did_you_mean, fault_hint, plugin_extensions

__all__ = ["COLUMNS", "METRICS", "Metric", "Spacing", "chance", "evaluate", "metric", "of_task", "plugin_metrics"]


def metric(name: str) -> Metric:
    """Look up a metric by name, in the package and in the plug-in folders.

    Parameters
    ----------
    name : str
        Its name, as in a task or in scores.csv.

    Returns
    -------
    Metric

    Raises
    ------
    BenchError
        If the name is unknown; the message has the nearest name.
    """
    if name in METRICS:
        return METRICS[name]
    known = {**METRICS, **plugin_metrics()}
    if name not in known:
        raise BenchError(f"no metric {name!r}; {did_you_mean(name, known)}{fault_hint(name)}")
    return known[name]


def plugin_metrics() -> dict[str, Metric]:
    """Name -> metric, from the files in the plug-in folders. BenchError names the file of an invalid metric."""
    added: dict[str, Metric] = {}
    for one, path in plugin_extensions("METRIC"):
        _check_plugin(one, path)
        if one.name in METRICS or one.name in added:
            raise BenchError(f"{path}: a metric {one.name!r} exists already; give this one another name")
        if one.name in COLUMNS or not one.name.isidentifier():
            raise BenchError(f"{path}: {one.name!r} cannot be the name of a metric; use {_NAME}")
        added[one.name] = one
    return added


def _check_plugin(one: object, path: Path) -> None:
    if not isinstance(one, Metric):
        raise BenchError(f"{path}: METRIC is {type(one).__name__}; make it a Metric of bench.evaluation.metrics")
    try:
        task_kind(one.kind)
    except BenchError:
        raise BenchError(f"{path}: kind is {one.kind!r}; it must be one of {', '.join(kind_names())}") from None
    if one.better not in ("higher", "lower"):
        raise BenchError(f"{path}: better is {one.better!r}; it must be 'higher' or 'lower'")
    if (one.each is None) == (one.whole is None):
        raise BenchError(f"{path}: a metric needs either `each` or `whole`; give exactly one of them")


def of_task(task: Task) -> list[Metric]:
    """The metrics that judge a task.

    Parameters
    ----------
    task : Task
        Its kind and number of classes decide which metrics apply.

    Returns
    -------
    list of Metric
        The primary one first, those of plug-ins last.
    """
    known = (*METRICS.values(), *plugin_metrics().values())
    fitting = [m for m in known if m.kind == task.kind and m.classes in (None, len(task.classes))]
    return sorted(fitting, key=lambda m: m.name != task.primary)


def evaluate(task: Task, y: np.ndarray, p: np.ndarray, spacing: Spacing = None) -> dict[str, float]:
    """Compute every metric of a task.

    Parameters
    ----------
    task : Task
    y, p, spacing
        Targets, predictions and voxel size, as for `Metric`.

    Returns
    -------
    dict of str to float
        Score of each metric by name; NaN where it is undefined.
    """
    return {m.name: m(y, p, spacing) for m in of_task(task)}


def chance(task: Task, name: str) -> float | None:
    """The average score of uninformative predictions.

    Parameters
    ----------
    task : Task
    name : str
        Name of a metric.

    Returns
    -------
    float or None
        None where it depends on the data.
    """
    known = {"auc": 0.5, "balanced_accuracy": 1 / max(1, len(task.classes)), "correlation": 0.0}
    return known.get(metric(name).name)


_NAME = "a word of letters, digits and _ that no other column of scores.csv has"
COLUMNS = {  # of scores.csv, besides the metrics
    "data", "data_kind", "arm", "method", "family", "floor", "reference", "done", "failed", "refused", "open",
    "planned", "complete", "primary", "score", "low", "high", "undefined_resamples", "validation", "last",
    "best_of_last", "best_of_all", "flattery", "flattery_low", "flattery_high", "parameters", "forward_flops",
    "step_seconds", "train_seconds", "inference_seconds", "peak_memory_mb", "train_joules", "upstream_seconds",
    "activation_mb", "upstream_activation_mb", "tuning_trials", "tuning_seconds", "last_five", "chosen_at",
}  # fmt: skip
_CLASS, _NUMBER, _MASK = "classification", "regression", "segmentation"
METRICS = {
    m.name: m
    for m in (
        Metric("auc", "AUC", _CLASS, "higher", "", 0, 1, ranks=True, whole=classification.auc),
        Metric("accuracy", "Accuracy", _CLASS, "higher", "", 0, 1, each=classification.correct),
        Metric(
            "balanced_accuracy", "Balanced accuracy", _CLASS, "higher", "", 0, 1, whole=classification.balanced_accuracy
        ),
        Metric("f1", "F1 (macro)", _CLASS, "higher", "", 0, 1, whole=classification.f1),
        Metric("brier", "Brier score", _CLASS, "lower", "", 0, 1, each=classification.brier),
        Metric("log_loss", "Log loss", _CLASS, "lower", "nats", 0, math.inf, each=classification.log_loss),
        Metric(
            "sensitivity",
            "Sensitivity",
            _CLASS,
            "higher",
            "",
            0,
            1,
            classes=2,
            whole=partial(classification.recall, k=1),
        ),
        Metric(
            "specificity",
            "Specificity",
            _CLASS,
            "higher",
            "",
            0,
            1,
            classes=2,
            whole=partial(classification.recall, k=0),
        ),
        Metric(
            "average_precision",
            "Average precision",
            _CLASS,
            "higher",
            "",
            0,
            1,
            ranks=True,
            whole=classification.average_precision,
        ),
        Metric("mcc", "MCC", _CLASS, "higher", "", -1, 1, whole=classification.mcc),
        Metric(
            "calibration_error", "Calibration error", _CLASS, "lower", "", 0, 1, whole=classification.calibration_error
        ),
        Metric("mae", "MAE", _NUMBER, "lower", "target", 0, math.inf, each=regression.error),
        Metric("rmse", "RMSE", _NUMBER, "lower", "target", 0, math.inf, whole=regression.rmse),
        Metric("r2", "R²", _NUMBER, "higher", "", -math.inf, 1, whole=regression.r2),
        Metric("correlation", "Correlation", _NUMBER, "higher", "", -1, 1, ranks=True, whole=regression.correlation),
        Metric("gap", "|Mean gap|", _NUMBER, "lower", "target", 0, math.inf, whole=regression.gap),
        Metric("gap_slope", "|Slope of gap|", _NUMBER, "lower", "", 0, math.inf, whole=regression.gap_slope),
        Metric("dice", "Dice", _MASK, "higher", "", 0, 1, each=segmentation.dice),
        Metric("cldice", "clDice", _MASK, "higher", "", 0, 1, classes=2, each=segmentation.cldice),
        Metric("hd95", "HD95", _MASK, "lower", "mm", 0, math.inf, each=segmentation.hd95),
        Metric(
            "surface_distance",
            "Surface distance",
            _MASK,
            "lower",
            "mm",
            0,
            math.inf,
            each=segmentation.surface_distance,
        ),
        Metric("volume_error", "Volume error", _MASK, "lower", "", 0, 1, each=segmentation.volume_error),
        Metric(
            "component_error", "Component error", _MASK, "lower", "", 0, math.inf, each=segmentation.component_error
        ),
        *registration.METRICS,
        *translation.METRICS,
    )
}
