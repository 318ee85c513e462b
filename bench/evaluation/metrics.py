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

A file in a plug-in folder that defines `METRIC = Metric(...)` adds a metric: it follows those of the package.

This module knows no folds, groups or methods; `bench.evaluation` averages over folds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.core import BenchError, Task
from bench.evaluation import classification, regression, segmentation
from bench.evaluation.score_shape import check_shape
from bench.registry import did_you_mean, fault_hint, plugin_extensions

Spacing = Sequence[float] | None
Each = Callable[[np.ndarray, np.ndarray, Spacing], np.ndarray]
Whole = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """A score of the predictions for one part. Either `each` (it is a mean over scans) or `whole` is given."""

    name: str
    title: str  # its name in tables
    kind: str  # of its tasks
    better: str  # "higher" or "lower"
    unit: str  # "" where it has none, "target" where it has the unit of the number predicted, "mm"
    low: float  # smallest possible score
    high: float  # largest possible score
    ranks: bool = False  # compares scans with each other: undefined over scans that different models scored
    classes: int | None = None  # the only number of classes it is defined for
    each: Each | None = None  # (y, p, spacing) -> (N,)
    whole: Whole | None = None  # (y, p, weights (R, N)) -> (R,)

    def __call__(self, y: np.ndarray, p: np.ndarray, spacing: Spacing = None) -> float:
        """The score of all scans of a part.

        Parameters
        ----------
        y : ndarray of shape (N,) or (N, ...)
            Targets: class indices, numbers or label maps.
        p : ndarray of shape (N, K), (N,) or (N, ...)
            Predictions: probabilities, numbers or label maps.
        spacing : sequence of float or None
            Voxel size of label maps along each axis, in mm; None: 1 mm.

        Returns
        -------
        float
            In `unit`; NaN where it is undefined.

        Raises
        ------
        ValueError
            If targets and predictions do not fit each other, or are not finite.
        """
        return float(self.batch(y, p, np.ones((1, len(y))), spacing)[0])

    def batch(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray, spacing: Spacing = None) -> np.ndarray:
        """The scores of resamples of a part: a scan of weight 2 counts twice, one of weight 0 not at all.

        Parameters
        ----------
        y, p, spacing
            As for a call.
        weights : ndarray of shape (R, N)
            Every row has a positive sum.

        Returns
        -------
        ndarray of shape (R,)
            One score for each row of weights.
        """
        weights = np.asarray(weights, dtype=float)
        if self.each is not None:
            return regression.weighted_mean(self.values(y, p, spacing), weights)
        return check_shape(self.whole(*self._checked(np.asarray(y), np.asarray(p)), weights), len(weights), self.name)

    def values(self, y: np.ndarray, p: np.ndarray, spacing: Spacing = None) -> np.ndarray:
        """The score of each scan (N,), of which the metric is the mean. y, p, spacing: as for a call.

        ValueError for a metric that is not a mean over scans.
        """
        if self.each is None:
            raise ValueError(f"{self.name} is not a mean over scans, so a single scan has no value")
        return check_shape(self.each(*self._checked(np.asarray(y), np.asarray(p)), spacing), len(y), self.name)

    def _checked(self, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shapes = f"targets {y.shape}, predictions {p.shape}"
        if not len(y) or len(y) != len(p):
            raise ValueError(f"{self.name} needs a prediction for each of one or more scans: {shapes}")
        if self.kind == "segmentation":
            if y.shape != p.shape or y.ndim < 2:
                raise ValueError(f"{self.name} needs targets and predictions of the same shape: {shapes}")
            return y, p
        if y.ndim != 1 or p.ndim != (2 if self.kind == "classification" else 1):
            raise ValueError(f"{self.name} takes targets (N,) and predictions (N, K) or (N,) by its kind: {shapes}")
        if not (np.isfinite(p).all() and np.isfinite(y).all()):
            raise ValueError(f"{self.name} was given NaN or infinite targets or predictions")
        return self._labels(y.astype(int), p) if self.kind == "classification" else (y.astype(float), p.astype(float))

    def _labels(self, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = p.shape[1]
        if number != (self.classes or number):
            raise ValueError(f"{self.name} is defined for {self.classes} classes, not for {number}")
        if number < 2 or y.min() < 0 or y.max() >= number:
            raise ValueError(f"{self.name}: {number} probabilities a scan do not fit classes {y.min()} to {y.max()}")
        return y, p.astype(float)


def metric(name: str) -> Metric:
    """Look up a metric by name, in the package and in the plug-in folders.

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
    if one.kind not in (_CLASS, _NUMBER, _MASK):
        raise BenchError(f"{path}: kind is {one.kind!r}; it must be one of {_CLASS}, {_NUMBER}, {_MASK}")
    if one.better not in ("higher", "lower"):
        raise BenchError(f"{path}: better is {one.better!r}; it must be 'higher' or 'lower'")
    if (one.each is None) == (one.whole is None):
        raise BenchError(f"{path}: a metric needs either `each` or `whole`; give exactly one of them")


def of_task(task: Task) -> list[Metric]:
    """The metrics that judge a task: its primary one first, those of plug-ins last."""
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
    "tuning_trials", "tuning_seconds", "last_five", "chosen_at",
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
    )
}
