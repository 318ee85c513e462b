"""ROC and precision-recall curves of each trained model, and their mean over folds: models are never pooled."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.tables.results import DatasetResults

KINDS = ("roc", "precision_recall")


@dataclass(frozen=True)
class Band:
    """Curves averaged vertically: at each x the mean of the models' y, the lowest and the highest of them.

    A jump has two points of one x. area: of the mean curve, which is the mean of the models' areas.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    folds: int
    area: float
    chance: float  # ROC: nothing to draw but the diagonal; precision-recall: the share of the positive scans


def bands(section: DatasetResults, arm: str, kind: str) -> Band | None:
    """The mean curve of an arm over its folds, seeds averaged first; None if no fold has all classes.

    More than two classes: in each model the mean of the curves of every class against the rest, as in the AUC.
    """
    models: dict[tuple[int, int], list[list[tuple]]] = {}
    for run in section.of(arm):
        kept = section.predictions(run) if run.done else {}
        if "selected" in kept and kept["selected"].ndim == 2 and _usable(kept["y"], kept["selected"]):
            partition, fold, _ = run.place
            models.setdefault((partition, fold), []).append(_of_classes(kept["y"], kept["selected"], kind))
    return _averaged(list(models.values()), kind) if models else None


def _usable(y: np.ndarray, p: np.ndarray) -> bool:
    """Whether every class occurs, there are at least two, and all probabilities are finite."""
    return set(np.unique(y)) == set(range(p.shape[1])) and bool(np.isfinite(p).all())


def _of_classes(y: np.ndarray, p: np.ndarray, kind: str) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """(x, y, prevalence) of class 1, or of every class against the rest where there are more than two."""
    classes = [1] if p.shape[1] == 2 else range(p.shape[1])
    return [(*curve(y == k, p[:, k], kind), float(np.mean(y == k))) for k in classes]


def curve(positive: np.ndarray, score: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The points of one curve, x ascending: false against true positive rate, or recall against precision.

    Precision is a step: between two recalls it is that of the higher one, as in the average precision; lines between
    its points would show values that no threshold reaches (Davis & Goadrich 2006).
    """
    from sklearn.metrics import precision_recall_curve, roc_curve

    if kind == "roc":
        return roc_curve(positive, score)[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, _ = precision_recall_curve(positive, score)
    x, last = np.unique(recall[::-1], return_index=True)  # of one recall the highest threshold
    return x, precision[::-1][last]


def _averaged(models: Sequence[Sequence[Sequence[tuple]]], kind: str) -> Band:
    """models: of every fold its seeds, of every seed its classes."""
    every = [each for fold in models for seed in fold for each in seed]
    grid = np.unique(np.concatenate([x for x, _, _ in every]))
    at = _roc_at if kind == "roc" else _step_at
    folds = np.array([np.mean([[at(x, y, grid) for x, y, _ in seed] for seed in fold], axis=(0, 1)) for fold in models])
    x = np.repeat(grid, 2) if kind == "roc" else grid
    mean = folds.mean(axis=0)
    area = np.trapezoid(mean, x) if kind == "roc" else float(np.sum(np.diff(x) * mean[1:]))
    chance = float(np.mean([share for _, _, share in every]))
    return Band(x, mean, folds.min(axis=0), folds.max(axis=0), len(folds), float(area), chance)


def _roc_at(x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(2 G,) the curve just before and just after each point of the grid: where it jumps these differ."""
    between = np.interp(grid, x, y)
    first = np.searchsorted(x, grid, "left").clip(max=len(x) - 1)
    last = np.searchsorted(x, grid, "right") - 1
    before = np.where(x[first] == grid, y[first], between)
    after = np.where(x[last] == grid, y[last], between)
    return np.stack([before, after], axis=1).ravel()


def _step_at(x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(G,) the precision at the smallest recall that is not below each point of the grid."""
    return y[np.searchsorted(x, grid, "left").clip(max=len(x) - 1)]
