"""A plain 3D network in the style of VGG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Floats, Range, Task, param
from bench.method import DESCENT, PretrainedMethod, why_unsupported
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Vgg3d(PretrainedMethod):
    """VGG in three dimensions: levels of 3x3x3 convolutions, each followed by a halving, then dense layers.

    The levels are those of VoxCNN (Korolev et al., ISBI 2017, arXiv 1701.06643): 8, 16, 32 and 64 channels in 2, 2, 3
    and 3 convolutions, dense layers of 128 and 64. Unlike there, each convolution has batch normalisation and the dense
    layers read the mean over all positions, so that any size of volume fits. VGG16 itself is
    `width=64 convolutions=2,2,3,3,3`: a level has twice the channels of the one before, at most eight times the first.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "dropout": Floats(0.0, 0.7)}

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the network")
    width: int = param(8, "channels of the first level")
    convolutions: tuple[int, ...] = param((2, 2, 3, 3), "convolutions of each level")
    dense: tuple[int, ...] = param((128, 64), "units of the dense layers before the last one")
    dropout: float = param(0.5, "dropout rate after each of these dense layers, in training", within=(0, 1))

    def __post_init__(self) -> None:
        if not self.convolutions or min(self.width, *self.convolutions, *self.dense) < 1:
            raise BenchError("vgg3d: width, convolutions and dense units must be 1 or more")

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._vgg3d import Network

        return Network(shape[0], task.outputs, self.width, self.convolutions, self.dense, self.dropout)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (3,))


METHOD = Vgg3d
