"""Try the metrics of plug-in files on small examples of a task, so that their errors are found before any training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.core import BenchError, Task, task_kind
from bench.evaluation.metrics import Metric, of_task
from bench.registry import error_text, plugin_extensions, plugin_line

Example = tuple[str, np.ndarray, np.ndarray]
SCANS, SIDE = 12, 6  # scans of an example, and voxels along each side of a label map


def probe_plugin_metrics(task: Task) -> None:
    """Score two small examples, random and constant predictions, by every plug-in metric that judges a task.

    Parameters
    ----------
    task : Task
        The task of a data set.

    Raises
    ------
    BenchError
        If a metric raises an error, or returns something else than a score for each resample, or gives wrong
        predictions a better score than right ones. The message has the metric and its file.
    """
    fitting = {each.name for each in of_task(task)}
    for metric, path in plugin_extensions("METRIC"):
        if metric.name in fitting:
            own = task_kind(task.kind).examples
            for what, y, p, spacing in own(task) if own else _with_spacing(_examples(task)):
                _probe(metric, path, what, y, p, spacing)
            if not own:
                _check_direction(metric, path, task)


def _with_spacing(examples: Iterator[Example]) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[float, ...]]]:
    return ((what, y, p, (1.0,) * (y.ndim - 1)) for what, y, p in examples)


def _probe(metric: Metric, path: Path, what: str, y: np.ndarray, p: np.ndarray, spacing: tuple[float, ...]) -> None:
    weights = np.ones((2, len(y)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.asarray(metric.batch(y, p, weights, spacing), dtype=float)
    except Exception as error:  # a user's function can raise any error
        place = plugin_line(error) or path
        raise BenchError(
            f"{place}: the metric {metric.name!r} cannot score {what}: {error_text(error)}; correct the file"
        ) from error


def _check_direction(metric: Metric, path: Path, task: Task) -> None:
    """Raise BenchError if the metric calls wrong predictions better than right ones."""
    y, right, wrong = _opposites(task)
    good, bad = (metric(y, p, (1.0,) * (y.ndim - 1)) for p in (right, wrong))
    if bad > good if metric.better == "higher" else bad < good:
        raise BenchError(
            f"{path}: the metric {metric.name!r} is declared to be better where it is {metric.better}, and wrong"
            f" predictions have {bad:g}, right ones {good:g}; correct `better`"
        )


def _opposites(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, predictions that are all right, and predictions that are all wrong."""
    rng, classes = np.random.default_rng(0), max(2, len(task.classes))
    if task.kind == "regression":
        y = rng.normal(size=SCANS)
        return y, y, 20 - 3 * y
    if task.kind == "segmentation":
        y = rng.integers(0, classes, (SCANS, SIDE, SIDE, SIDE))
        return y, y, (y + 1) % classes
    y = np.arange(max(SCANS, 2 * classes)) % classes
    return y, np.eye(classes)[y], np.eye(classes)[(y + 1) % classes]


def _examples(task: Task) -> Iterator[Example]:
    """What the predictions are, targets and predictions, as for `Metric`."""
    rng, classes = np.random.default_rng(0), max(2, len(task.classes))
    if task.kind == "segmentation":
        y = rng.integers(0, classes, (SCANS, SIDE, SIDE, SIDE))
        yield "random masks", y, rng.integers(0, classes, y.shape)
        yield "empty masks", y, np.zeros_like(y)
    elif task.kind == "classification":
        y = np.arange(max(SCANS, 2 * classes)) % classes
        yield "random probabilities", y, rng.dirichlet(np.ones(classes), len(y))
        yield "equal probabilities", y, np.full((len(y), classes), 1 / classes)
    else:
        y = rng.normal(size=SCANS)
        yield "random numbers", y, rng.normal(size=SCANS)
        yield "equal numbers", y, np.zeros(SCANS)
