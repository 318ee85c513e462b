"""A two-dimensional network of timm turned into a three-dimensional one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._timm_method import TimmMethod
from bench.core import Range, Task, param
from bench.method import DESCENT
from bench.views import PLANES, View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Timm3d(TimmMethod):
    """A convolutional network of timm on the volume, its 2D kernels made into 3D ones, from scratch or its weights.

    acs: a third of each layer's kernels is in each plane, so it has the parameters of the 2D network (Yang et al., IEEE
    JBHI 25, 2021, arXiv 1911.10477). inflated: kernels are repeated along the depth and divided by how often, so a
    volume of equal slices gives the 2D network's output for that slice; the outermost slices are repeated as padding
    (Carreira and Zisserman, CVPR 2017, arXiv 1705.07750). Networks of convolutions, batch normalisation and pools
    alone: ResNet, DenseNet, RegNet, MobileNet, EfficientNet.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(mm=4.0), "how a scan is shown to the network")
    network: str = param("resnet18", "as timm names it")
    options: Mapping[str, Any] | None = param(None, 'further arguments of the network, as JSON: {"drop_rate": 0.2}')
    conversion: str = param("acs", "of the kernels: acs or inflated", ("acs", "inflated"))
    plane: str = param(
        "axial", "whose slices the 2D network would read; the kernels are inflated across them", tuple(PLANES)
    )
    weights: str = param("", "a local safetensors file of the 2D network to start from; empty: from scratch")
    checksum: str = param("", "SHA-256 of that file: part of what the trial is")

    def check(self) -> None:
        self._build_network(Task("regression", "mae"), (1, 64, 64, 64), self._weights_file())

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines import _convert

        axis = PLANES[self.plane]
        return _convert.create(self.network, shape, task.outputs, self.options or {}, file, self.conversion, axis)


METHOD = Timm3d
