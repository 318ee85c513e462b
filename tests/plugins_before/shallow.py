"""A shallow network on the dynamic image."""

from dataclasses import dataclass
from typing import ClassVar

from bench.core import param
from bench.method import Method, unfit
from bench.views import Dynamic, View


@dataclass(frozen=True, kw_only=True)
class Shallow(Method):
    """Two convolutions and a mean."""

    family: ClassVar[str] = "2d"
    view: View = param(Dynamic(), "how a scan is shown to the network")
    width: int = param(16, "channels")

    def build(self, task, shape):
        from torch import nn

        layers = [
            nn.Conv2d(shape[0], self.width, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(self.width, self.width, 5, stride=2),
        ]
        return nn.Sequential(
            *layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.width, task.outputs)
        )

    def refuses(self, task, shape):
        return unfit(self, task, shape, (2,))  # one answer for an image; no masks


METHOD = Shallow
