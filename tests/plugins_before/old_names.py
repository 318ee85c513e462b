"""A network that overrides every hook of a method under the names of today, and calls the default of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from bench.core import param
from bench.method import Method, overheard, unfit
from bench.views import View, Volume


@dataclass(frozen=True, kw_only=True)
class OldNames(Method):
    """A linear layer on voxels whose edge follows from the data set's."""

    family: ClassVar[str] = "3d"

    view: View = param(Volume(), "every voxel, until the spacing is known")
    coarse: float = param(0.0, "edge of a voxel in millimetres; 0: not known yet")

    def on(self, spacing):
        return replace(super().on(spacing), coarse=2 * spacing[0])

    def shown(self, task):
        assert super().shown(task) == self.view
        return Volume(self.coarse) if self.coarse else self.view

    def refuses(self, task, shape):
        return unfit(self, task, shape, (3,))

    def build(self, task, shape):
        import math

        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), task.outputs))

    def step(self, model, batch):
        with overheard(model) as heard:
            losses = super().step(model, batch)
        return losses + 1e-3 * heard[-1].features.square().mean(1)

    def watch(self, model):
        return {**super().watch(model), "largest weight": float(model[1].weight.detach().abs().max())}

    def told(self, model):
        return {**super().told(model), "voxels": model[1].in_features}

    def remark(self, shape):
        return super().remark(shape) + f"{len(shape)} axes"


METHOD = OldNames
