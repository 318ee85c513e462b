"""A floor of translation: the mean image of the target contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._translation_method import TranslationMethod
from bench.core import Task

if TYPE_CHECKING:
    import numpy as np
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class MeanImage(TranslationMethod):
    """The mean of the target contrast over the training scans. It does not read the scan."""

    family: ClassVar[str] = "floor"
    blind: ClassVar[bool] = True
    solves: ClassVar[bool] = True

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._translation_networks import MeanImages

        return MeanImages(len(task.classes), shape[1:])

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        import torch

        from baselines._translation_networks import pair_of

        target = pair_of(torch.from_numpy(x[:, :, *[slice(1)] * (x.ndim - 2)]), len(task.classes))[1].numpy()
        for contrast in range(len(task.classes)):
            model.images[contrast] = torch.from_numpy(y[target == contrast, 0].mean(axis=0))


METHOD = MeanImage
