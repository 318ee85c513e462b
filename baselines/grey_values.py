"""A floor of translation: a curve of grey values for each pair of contrasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._translation_method import TranslationMethod
from bench.core import BenchError, Task, param

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class GreyValueCurves(TranslationMethod):
    """The mean grey value that voxels of a grey value in the source contrast have in the target contrast.

    It reads each voxel alone. A network that is no better makes no use of where a voxel is and what lies around it.
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True

    bins: int = param(64, "bins of the range of the grey values; the curve is linear between their middles")

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise BenchError(f"grey_values: bins must be 2 or more, not {self.bins}")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._translation_networks import GreyValues

        return GreyValues(len(task.classes), self.bins)

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        import numpy as np
        import torch

        from baselines._translation_networks import pair_of

        count = len(task.classes)
        pairs = pair_of(torch.from_numpy(x[:, :, *[slice(1)] * (x.ndim - 2)]), count)
        source, target = (each.numpy() for each in pairs)
        for one in np.unique(source):
            images = x[source == one, 0]
            low, high = float(images.min()), float(images.max())
            model.edges[one] = torch.tensor([low, high if high > low else low + 1])
            for other in np.unique(target[source == one]):
                rows = (source == one) & (target == other)
                curve = _curve(x[rows, 0], y[rows, 0], np.asarray(model.edges[one]), self.bins)
                model.values[one, other] = torch.from_numpy(curve)


def _curve(x: np.ndarray, y: np.ndarray, edges: np.ndarray, bins: int) -> np.ndarray:
    """The mean of y in each bin of x, (bins,) float32; empty bins by linear interpolation."""
    import numpy as np

    place = ((x - edges[0]) / (edges[1] - edges[0]) * bins).astype(np.int64).clip(0, bins - 1).ravel()
    counts = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(counts)
    means = np.bincount(place, weights=y.ravel(), minlength=bins)[filled] / counts[filled]
    return np.interp(np.arange(bins), filled, means).astype(np.float32)


METHOD = GreyValueCurves
