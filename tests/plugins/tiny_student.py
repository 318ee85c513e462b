"""A network that imitates another one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from bench import registry
from bench.core import param
from bench.method import Method, why_unsupported
from bench.views import View, Volume


@dataclass(frozen=True, kw_only=True)
class TinyStudent(Method):
    """A linear layer drawn to the logits of tiny_net."""

    family: ClassVar[str] = "distillation"

    view: View = param(Volume(16.0), "coarser voxels than the teacher's")
    fault: str = param("", "of the teacher")

    def refuses(self, task, shape):
        return why_unsupported(self, task, shape, (2, 3))

    def upstream(self, trial):
        return (dataclasses.replace(trial, method=registry.spec("methods", "tiny_net", {"fault": self.fault})),)

    def build(self, task, shape):
        import math

        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), task.outputs))

    def step(self, model, batch):
        logits = model(batch.x)
        return (logits - batch.upstream[0].logits).square().mean(1)


METHOD = TinyStudent
