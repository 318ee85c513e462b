"""Networks of the baselines without deep learning, and how they are fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines._linear_solver import Columns, fit_best
from bench.core import Task
from bench.views import Volume

SIDE = 32  # maximum edge in pixels to which an image is averaged
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
    """(B, C, ...) to (B, outputs): one weight per voxel of a volume, or per coarse pixel of an image.

    `grid` and `penalty` are those that were chosen. On a coarser grid the voxels of a larger one share its weight.
    """

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.coarse = tuple(min(SIDE, size) for size in shape[1:]) if len(shape) == 3 else ()
        self.shape = (shape[0], *(self.coarse or shape[1:]))
        self.register_buffer("grid", torch.ones(()))
        self.register_buffer("penalty", torch.zeros(()))
        self.linear = nn.Linear(math.prod(self.shape), outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.flat(x))

    def flat(self, x: Tensor) -> Tensor:
        """(B, C, ...) to (B, voxels)."""
        return (F.adaptive_avg_pool2d(x, self.coarse) if self.coarse else x).flatten(1)

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        task: Task,
        grids: Sequence[int],
        penalties: Sequence[float],
        groups: np.ndarray | None = None,
    ) -> None:
        """Fit on standardised voxels of each grid and keep the best; the stored weights apply to the raw voxels.

        x: (N, C, ...); y: (N,); grids: edges of the cubes of voxels that are averaged; groups: (N,), people.
        """
        voxels = self.flat(torch.from_numpy(np.asarray(x, np.float32)))
        forms = [_standardised(self._pooled(voxels, grid)) for grid in grids]
        best, found = fit_best([form.columns for form in forms], y, task, penalties, groups)
        form = forms[best]
        weights = found.weights @ form.columns.right * form.scale
        self.linear.bias.data.copy_(torch.from_numpy(found.offsets - weights @ form.centre))
        self.linear.weight.data.copy_(self._spread(torch.from_numpy(weights), grids[best]))
        self.grid.fill_(grids[best])
        self.penalty.fill_(found.penalty)

    def _pooled(self, voxels: Tensor, grid: int) -> np.ndarray:
        """(N, voxels) to (N, larger voxels), averaged."""
        return Volume(float(grid))(self._spatial(voxels), (1.0, 1.0, 1.0)).flatten(1).numpy()

    def _spread(self, weights: Tensor, grid: int) -> Tensor:
        """(outputs, larger voxels) to (outputs, voxels): what gives the same sum on voxels that are not averaged."""
        zero = torch.zeros(1, math.prod(self.shape), dtype=weights.dtype, requires_grad=True)
        pooled = Volume(float(grid))(self._spatial(zero), (1.0, 1.0, 1.0)).flatten(1)
        return torch.cat([torch.autograd.grad(pooled, zero, row[None], retain_graph=True)[0] for row in weights])

    def _spatial(self, voxels: Tensor) -> Tensor:
        """(N, voxels) to (N, C, D, H, W); an image is a volume of one slice."""
        channels, *axes = self.shape
        return voxels.reshape(len(voxels), channels, *([1] * (3 - len(axes))), *axes)


@dataclass(frozen=True)
class _Standardised:
    """Voxels (N, p), less their mean and times `scale`, in their own axes."""

    columns: Columns
    centre: np.ndarray
    scale: np.ndarray


def _standardised(voxels: np.ndarray) -> _Standardised:
    centre, deviation = voxels.mean(0), voxels.std(0)
    deviation = np.maximum(deviation, max(FLAT * deviation.max(), 1e-12))
    scale = 1 / (deviation * math.sqrt(len(centre)))
    return _Standardised(Columns.of((voxels - centre) * scale), centre, scale)


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

    def fit(
        self, x: np.ndarray, y: np.ndarray, task: Task, penalties: Sequence[float], groups: np.ndarray | None = None
    ) -> None:
        """Fit on imputed and standardised columns; mean and deviation are those of x. x: (N, columns); y: (N,)."""
        from sklearn.impute import SimpleImputer
        from sklearn.preprocessing import StandardScaler

        table = np.asarray(x, np.float64).reshape(len(x), -1)
        filled = SimpleImputer(keep_empty_features=True).fit_transform(table)
        scaler = StandardScaler().fit(filled)
        columns = Columns.of(scaler.transform(filled))
        _, found = fit_best([columns], y, task, penalties, groups)
        weights = found.weights @ columns.right
        tensors = self.centre, self.deviation, self.linear.weight, self.linear.bias
        for tensor, values in zip(tensors, (scaler.mean_, scaler.scale_, weights, found.offsets), strict=True):
            tensor.data.copy_(torch.from_numpy(np.asarray(values)))
