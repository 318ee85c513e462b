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
from bench.evaluation import classification, segmentation
from bench.evaluation.classification import ratio
from bench.registry import did_you_mean, plugin_extensions

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
        """The score of all scans of a part, or NaN where it is undefined.

        spacing: voxel size in mm along the spatial axes of label maps; None: 1 mm. ValueError where targets and
        predictions do not fit each other or predictions are not finite.
        """
        return float(self.batch(y, p, np.ones((1, len(y))), spacing)[0])

    def batch(self, y: np.ndarray, p: np.ndarray, weights: np.ndarray, spacing: Spacing = None) -> np.ndarray:
        """(R,) scores, one for each row of weights (R, N): a scan of weight 2 counts twice, one of weight 0 not at all.

        Every row of weights has a positive sum.
        """
        weights = np.asarray(weights, dtype=float)
        if self.each is not None:
            return _mean(self.values(y, p, spacing), weights)
        return self.whole(*self._checked(np.asarray(y), np.asarray(p)), weights)

    def values(self, y: np.ndarray, p: np.ndarray, spacing: Spacing = None) -> np.ndarray:
        """(N,) contribution of each scan to the mean; ValueError for a metric that is not a mean over scans."""
        if self.each is None:
            raise ValueError(f"{self.name} is not a mean over scans, so a single scan has no value")
        return self.each(*self._checked(np.asarray(y), np.asarray(p)), spacing)

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
    """The metric of that name. BenchError with the nearest name if there is none."""
    if name in METRICS:
        return METRICS[name]
    known = {**METRICS, **plugin_metrics()}
    if name not in known:
        raise BenchError(f"no metric {name!r}; {did_you_mean(name, known)}")
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
    """Every metric of the task, by name; NaN where one is undefined. spacing: mm along the axes of label maps."""
    return {m.name: m(y, p, spacing) for m in of_task(task)}


def chance(task: Task, name: str) -> float | None:
    """What predictions that know nothing of the scans score on average; None where that depends on the data."""
    known = {"auc": 0.5, "balanced_accuracy": 1 / max(1, len(task.classes)), "correlation": 0.0}
    return known.get(metric(name).name)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means (R,) of values (N,), or of each row's own (R, N). A plain sum: the same bits on every run."""
    return (weights * values).sum(axis=1) / weights.sum(axis=1)


def _error(y: np.ndarray, p: np.ndarray, spacing: Spacing) -> np.ndarray:
    return np.abs(p - y)


def _rmse(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.sqrt(_mean((p - y) ** 2, w))


def _r2(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """1 - squared errors / squared deviations of the targets from the mean of this very part."""
    spread = (w * (y - _mean(y, w)[:, None]) ** 2).sum(axis=1)
    score = 1 - ratio((w * (p - y) ** 2).sum(axis=1), spread)
    return np.where(_constant(y, w), np.nan, score)


def _correlation(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Pearson's."""
    dy, dp = y - _mean(y, w)[:, None], p - _mean(p, w)[:, None]
    spread = np.sqrt((w * dy**2).sum(axis=1) * (w * dp**2).sum(axis=1))
    score = np.clip(ratio((w * dy * dp).sum(axis=1), spread), -1, 1)
    return np.where(_constant(y, w) | _constant(p, w), np.nan, score)


def _gap(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Absolute difference of the mean prediction and the mean target."""
    return np.abs(_mean(p - y, w))


def _gap_slope(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Absolute slope of the gap over the true number; 1 for uninformative predictions."""
    dy, gap = y - _mean(y, w)[:, None], p - y
    slope = ratio((w * dy * gap).sum(axis=1), (w * dy**2).sum(axis=1))
    return np.where(_constant(y, w), np.nan, np.abs(slope))


def _constant(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(R,) whether all scans of positive weight have one value; exact, as rounding makes a variance nonzero."""
    return np.where(w > 0, x, -np.inf).max(axis=1) == np.where(w > 0, x, np.inf).min(axis=1)


_NAME = "a word of letters, digits and _ that no other column of scores.csv has"
COLUMNS = {  # of scores.csv, besides the metrics
    "data", "data_kind", "arm", "method", "family", "floor", "reference", "done", "failed", "refused", "open",
    "planned", "complete", "primary", "score", "low", "high", "undefined_resamples", "validation", "last",
    "best_of_last", "best_of_all", "flattery", "flattery_low", "flattery_high", "parameters", "forward_flops",
    "step_seconds", "train_seconds", "inference_seconds", "peak_memory_mb", "train_joules", "upstream_seconds",
    "tuning_trials", "tuning_seconds",
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
        Metric("mae", "MAE", _NUMBER, "lower", "target", 0, math.inf, each=_error),
        Metric("rmse", "RMSE", _NUMBER, "lower", "target", 0, math.inf, whole=_rmse),
        Metric("r2", "R²", _NUMBER, "higher", "", -math.inf, 1, whole=_r2),
        Metric("correlation", "Correlation", _NUMBER, "higher", "", -1, 1, ranks=True, whole=_correlation),
        Metric("gap", "|Mean gap|", _NUMBER, "lower", "target", 0, math.inf, whole=_gap),
        Metric("gap_slope", "|Slope of gap|", _NUMBER, "lower", "", 0, math.inf, whole=_gap_slope),
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
