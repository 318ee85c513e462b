"""Support vector machines as networks, fitted by scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines._floors import FLAT, SIDE
from baselines._linear_solver import INNER
from baselines._stored_training_set import Grown, thumbnails
from bench.core import Task

SURE = 30.0  # margin if the training part has a single class


class Machines(Grown):
    """(B, C, ...) to (B, outputs). One machine for regression or two classes, else one per class.

    vectors: (S, p), the standardised support vectors; for a linear kernel one weight vector per machine.
    """

    def __init__(self, shape: tuple[int, ...], outputs: int, kernel: str, gamma: float) -> None:
        super().__init__()
        many, voxels = outputs if outputs > 2 else 1, math.prod((shape[0], *self._sizes(shape)))
        self.shape, self.outputs, self.kernel, self.gamma = shape, outputs, kernel, gamma
        self.offsets = nn.Parameter(torch.zeros(many))
        for name, start in {
            "centre": torch.zeros(voxels),
            "scale": torch.ones(voxels),
            "vectors": torch.zeros(many, voxels),
            "shares": torch.eye(many),  # (machines, S), of each vector
            "slopes": torch.ones(many),
            "shifts": torch.zeros(many),
        }.items():
            self.register_buffer(name, start)

    def forward(self, x: Tensor) -> Tensor:
        z = (self.flat(x) - self.centre) * self.scale
        margins = self._products(z, self.vectors) @ self.shares.T + self.offsets  # (B, machines)
        margins = margins * self.slopes + self.shifts
        if self.outputs == 1:
            return margins
        return F.logsigmoid(margins) if self.outputs > 2 else torch.cat([-margins / 2, margins / 2], 1)

    def flat(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, p)."""
        return thumbnails(x, SIDE) if x.ndim == 4 else x.flatten(1)

    def fit(self, x: np.ndarray, y: np.ndarray, task: Task, costs: Sequence[float], tube: float) -> None:
        """x: (N, C, ...); y: (N,)."""
        voxels = self.flat(torch.from_numpy(np.asarray(x, np.float32))).numpy()
        centre, deviation = voxels.mean(0), voxels.std(0)
        deviation = np.maximum(deviation, max(FLAT * deviation.max(), 1e-12))
        scale = 1 / (deviation * math.sqrt(len(centre)))
        z = ((voxels - centre) * scale).astype(np.float32)
        gram = self._products(torch.from_numpy(z), torch.from_numpy(z)).double().numpy()
        targets = _targets(y, task)
        cost, slopes, shifts = _calibrated(gram, targets, task, costs, tube)
        shares, offsets = _solved(gram, targets, task, cost, tube)
        linear, used = self.kernel == "linear", (shares != 0).any(0)
        found = {
            "vectors": shares @ z if linear else z[used],
            "shares": np.eye(len(shares)) if linear else shares[:, used],
        }
        found |= {"centre": centre, "scale": scale, "offsets": offsets, "slopes": slopes, "shifts": shifts}
        for name, value in found.items():
            self.keep(name, value)

    def _products(self, a: Tensor, b: Tensor) -> Tensor:
        """The kernel of each pair of scans, (len(a), len(b))."""
        if self.kernel == "linear":
            return a @ b.T
        distances = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
        return torch.exp(-self.gamma * distances.clamp_min(0))

    @staticmethod
    def _sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(min(SIDE, size) for size in shape[1:]) if len(shape) == 3 else shape[1:]


def _targets(y: np.ndarray, task: Task) -> np.ndarray:
    """The targets of each machine, (machines, N): numbers, or 1 for scans of its class."""
    if task.kind == "regression":
        return y[None].astype(np.float64)
    kinds = range(task.outputs) if task.outputs > 2 else (1,)
    return np.stack([y.astype(int) == kind for kind in kinds]).astype(int)


def _solved(
    gram: np.ndarray, targets: np.ndarray, task: Task, cost: float, tube: float
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each scan in each machine, (machines, N), and the machines' offsets."""
    from sklearn.svm import SVC, SVR

    shares, offsets = np.zeros((len(targets), len(gram))), np.zeros(len(targets))
    for row, wanted in enumerate(targets):
        if task.kind != "regression" and len(set(wanted)) == 1:
            offsets[row] = SURE if wanted[0] else -SURE
            continue
        made = (
            SVR(kernel="precomputed", C=cost, epsilon=tube)
            if task.kind == "regression"
            else SVC(kernel="precomputed", C=cost)
        )
        made.fit(gram, wanted)
        shares[row, made.support_], offsets[row] = made.dual_coef_[0], made.intercept_[0]
    return shares, offsets


def _calibrated(
    gram: np.ndarray, targets: np.ndarray, task: Task, costs: Sequence[float], tube: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The cost with the lowest cross-validated error (else the middle one), and the Platt scaling of its margins."""
    ranked, numbers = sorted(costs), task.kind == "regression"
    parts, plain = _parts(targets, numbers), (np.ones(len(targets)), np.zeros(len(targets)))
    if not parts:
        return (ranked[len(ranked) // 2], *plain)
    errors, margins = [], []
    for cost in ranked:
        predicted = np.zeros(targets.shape)
        for rows, left in parts:
            shares, offsets = _solved(gram[np.ix_(rows, rows)], targets[:, rows], task, cost, tube)
            predicted[:, left] = shares @ gram[np.ix_(rows, left)] + offsets[:, None]
        wrong = np.abs(predicted - targets) if numbers else _wrong(predicted, targets)
        errors.append(float(wrong.mean()))
        margins.append(predicted)
    best = int(np.argmin(errors))
    if numbers:
        return (ranked[best], *plain)
    pairs = [_platt(margin, wanted) for margin, wanted in zip(margins[best], targets, strict=True)]
    slopes, shifts = zip(*pairs, strict=True)
    return ranked[best], np.array(slopes), np.array(shifts)


def _parts(targets: np.ndarray, numbers: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions of training and left-out scans in five folds; no fold if a class has one scan."""
    from sklearn.model_selection import KFold, StratifiedKFold

    many = targets.shape[1]
    if numbers:
        folds = min(INNER, many)
        return list(KFold(folds, shuffle=True, random_state=0).split(targets[0])) if folds > 1 else []
    kinds = targets.argmax(0) if len(targets) > 1 else targets[0]
    folds = min(INNER, int(np.bincount(kinds)[np.unique(kinds)].min()))
    return list(StratifiedKFold(folds, shuffle=True, random_state=0).split(kinds, kinds)) if folds > 1 else []


def _wrong(margins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    if len(targets) == 1:
        return (margins[0] > 0) != targets[0]
    return margins.argmax(0) != targets.argmax(0)


def _platt(margins: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """The slope, never below 0, and the shift of the log odds, from the margins of left-out scans."""
    from sklearn.linear_model import LogisticRegression

    width = float(margins.std())
    if len(set(wanted)) == 1 or width == 0:
        return 1.0, 0.0
    model = LogisticRegression(max_iter=1000).fit(margins[:, None] / width, wanted)
    return max(float(model.coef_[0, 0]) / width, 1e-3), float(model.intercept_[0])
