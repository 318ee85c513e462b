"""Networks of the baselines without deep learning, and how they are fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.core import Task

SIDE = 32  # maximum edge in pixels to which an image is averaged
INNER = 5  # folds of the training part, to choose the penalty
FLAT = 0.05  # minimum deviation of a voxel, as a fraction of the largest: without it the background's edge dominates


class SameAnswer(nn.Module):
    """(B, ...) to (B, outputs): the same row for every scan."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), len(self.answer)) + self.answer

    def set(self, answer: np.ndarray) -> None:
        self.answer.data.copy_(torch.as_tensor(np.asarray(answer)))


class SameMask(nn.Module):
    """(B, C, ...) to (B, outputs, ...): the same mask for every scan, from the frequency of each class per voxel."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(outputs, *shape[1:]))

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), *self.answer.shape) + self.answer

    def set(self, masks: np.ndarray) -> None:
        """masks: (N, ...) class indices of the training part."""
        counts = [(masks == label).mean(0) for label in range(len(self.answer))]
        self.answer.data.copy_(torch.as_tensor(np.log(np.stack(counts) + 1e-6)))


class LinearVoxels(nn.Module):
    """(B, C, ...) to (B, outputs): one weight per voxel of a volume, or per coarse pixel of an image."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.coarse = tuple(min(SIDE, size) for size in shape[1:]) if len(shape) == 3 else ()
        self.linear = nn.Linear(math.prod((shape[0], *(self.coarse or shape[1:]))), outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.flat(x))

    def flat(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, voxels)."""
        return (F.adaptive_avg_pool2d(x, self.coarse) if self.coarse else x).flatten(1)

    def fit(self, x: np.ndarray, y: np.ndarray, task: Task, penalties: Sequence[float]) -> None:
        """Fit on standardised voxels; the stored weights apply to the raw ones. x: (N, C, ...); y: (N,)."""
        voxels = self.flat(torch.from_numpy(np.asarray(x, np.float32))).numpy()  # (N, p)
        centre, deviation = voxels.mean(0), voxels.std(0)
        deviation = np.maximum(deviation, max(FLAT * deviation.max(), 1e-12))
        scale = 1 / (deviation * math.sqrt(len(centre)))
        weights, offsets = _solve((voxels - centre) * scale, y, task, penalties)
        weights = weights * scale
        self.linear.weight.data.copy_(torch.from_numpy(weights))
        self.linear.bias.data.copy_(torch.from_numpy(offsets - weights @ centre))


class LinearTable(nn.Module):
    """(B, columns) with NaN where a value is missing to (B, outputs): one weight per column; other shapes are flat."""

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        columns = math.prod(shape)
        self.register_buffer("centre", torch.zeros(columns))
        self.register_buffer("deviation", torch.ones(columns))
        self.linear = nn.Linear(columns, outputs)

    def forward(self, x: Tensor) -> Tensor:
        standard = (x.flatten(1) - self.centre) / self.deviation
        return self.linear(torch.where(standard.isnan(), torch.zeros_like(standard), standard))

    def fit(self, x: np.ndarray, y: np.ndarray, task: Task, penalties: Sequence[float]) -> None:
        """Fit on imputed and standardised columns; mean and deviation are those of x. x: (N, columns); y: (N,)."""
        from sklearn.impute import SimpleImputer
        from sklearn.preprocessing import StandardScaler

        table = np.asarray(x, np.float64).reshape(len(x), -1)
        filled = SimpleImputer(keep_empty_features=True).fit_transform(table)
        scaler = StandardScaler().fit(filled)
        fitted = _numbers if task.kind == "regression" else _classes
        weights, offsets = fitted(scaler.transform(filled), y, task.outputs, penalties)
        tensors = self.centre, self.deviation, self.linear.weight, self.linear.bias
        for tensor, values in zip(tensors, (scaler.mean_, scaler.scale_, weights, offsets), strict=True):
            tensor.data.copy_(torch.from_numpy(np.asarray(values)))


def _solve(z: np.ndarray, y: np.ndarray, task: Task, penalties: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, p) and offsets (outputs,) of the penalised model of z, (N, p), whose columns have mean 0.

    The weights are in the span of the rows of z, so N coordinates in an orthonormal basis of it suffice.
    """
    values, vectors = np.linalg.eigh((z @ z.T).astype(np.float64))  # (N,), (N, N)
    kept = values > 1e-6 * max(values[-1], 1e-30)
    lengths = np.sqrt(values[kept])
    scores = vectors[:, kept] * lengths  # (N, r), z in the basis
    fitted = _numbers if task.kind == "regression" else _classes
    weights, offsets = fitted(scores, y, task.outputs, penalties)
    return (weights / lengths) @ (vectors[:, kept].T @ z), offsets


def _numbers(
    scores: np.ndarray, y: np.ndarray, outputs: int, penalties: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=list(penalties)).fit(scores, y)  # leave-one-out in closed form
    return model.coef_[None], np.atleast_1d(model.intercept_)


def _classes(
    scores: np.ndarray, y: np.ndarray, outputs: int, penalties: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    weights, offsets = np.zeros((outputs, scores.shape[1])), np.full(outputs, -30.0)  # -30: a class without scans
    labels = y.astype(int)
    seen = np.unique(labels)
    if len(seen) == 1:
        offsets[seen] = 0.0
        return weights, offsets
    model = LogisticRegression(C=1 / _penalty(scores, labels, penalties), tol=1e-6, max_iter=2000).fit(scores, labels)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn returns only the second class
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.tile(intercepts, 2) * [-0.5, 0.5]
    weights[seen], offsets[seen] = coefficients, intercepts
    return weights, offsets


def _penalty(scores: np.ndarray, labels: np.ndarray, penalties: Sequence[float]) -> float:
    """The penalty with the smallest log loss in five-fold cross-validation; the middle one if that is impossible."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold

    folds = min(INNER, int(np.bincount(labels)[np.unique(labels)].min()))
    ranked = sorted(penalties)
    if folds < 2 or len(ranked) == 1:
        return ranked[len(ranked) // 2]
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(scores, labels))
    losses = []
    for penalty in ranked:
        model = LogisticRegression(C=1 / penalty, tol=1e-4, max_iter=2000)
        predicted = [model.fit(scores[rows], labels[rows]).predict_proba(scores[left]) for rows, left in parts]
        truth = np.concatenate([labels[left] for _, left in parts])
        losses.append(log_loss(truth, np.concatenate(predicted), labels=np.unique(labels)))
    return ranked[int(np.argmin(losses))]
