"""The smallest network that learns."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from bench.core import param
from bench.method import Method
from bench.views import View, Volume


@dataclass(frozen=True, kw_only=True)
class TinyNet(Method):
    """A linear layer on coarse voxels, by gradient steps; fails or refuses on request."""

    family: ClassVar[str] = "3d"

    view: View = param(Volume(8.0), "coarse voxels")
    fault: str = param("", "what goes wrong", ("", "nan", "memory", "refuse", "raise"))
    dropout: float = param(0.0, "before the last layer")
    pause: float = param(0.0, "seconds that a step takes at least")

    def refuses(self, task, shape):
        if task.kind == "segmentation" and len(shape) == 3:
            return "it draws masks of volumes alone"
        return "asked to refuse" if self.fault == "refuse" else None

    def build(self, task, shape):
        import math

        from torch import nn

        if self.fault == "memory":
            raise MemoryError("no room")
        if task.kind == "segmentation":
            return nn.Conv3d(shape[0], task.outputs, 3, padding=1)
        return nn.Sequential(nn.Flatten(), nn.Dropout(self.dropout), nn.Linear(math.prod(shape), task.outputs))

    def step(self, model, batch):
        if self.fault == "raise":
            raise ValueError("asked to fail")
        time.sleep(self.pause)
        losses = super().step(model, batch)
        return losses * float("nan") if self.fault == "nan" else losses


METHOD = TinyNet
