"""A metric: its name, direction, unit and range, and how it scores the predictions for one part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core import task_kind
from bench.evaluation import regression
from bench.evaluation.score_shape import check_shape

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
        """The score of each scan, of which the metric is the mean.

        Parameters
        ----------
        y, p, spacing
            Targets, predictions and voxel size, as for a call.

        Returns
        -------
        ndarray of shape (N,)

        Raises
        ------
        ValueError
            For a metric that is not a mean over scans.
        """
        if self.each is None:
            raise ValueError(f"{self.name} is not a mean over scans, so a single scan has no value")
        return check_shape(self.each(*self._checked(np.asarray(y), np.asarray(p)), spacing), len(y), self.name)

    def _checked(self, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shapes = f"targets {y.shape}, predictions {p.shape}"
        if not len(y) or len(y) != len(p):
            raise ValueError(f"{self.name} needs a prediction for each of one or more scans: {shapes}")
        if fits := task_kind(self.kind).misfit:
            if reason := fits(y, p):
                raise ValueError(f"{self.name}: {reason}: {shapes}")
            return y, p
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
