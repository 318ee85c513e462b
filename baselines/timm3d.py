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
    """A convolutional network of timm on the volume: its 2D kernels are converted to 3D; from scratch or pretrained.

    acs: each plane gets a third of the kernels of each layer, so the network has the parameters of the 2D network (Yang
    et al., IEEE JBHI 25, 2021, arXiv 1911.10477). inflated: kernels are repeated along the depth and divided by the
    number of repetitions, so a volume of equal slices gives the 2D network's output for that slice; the outermost
    slices are repeated as padding (Carreira and Zisserman, CVPR 2017, arXiv 1705.07750). Networks of convolutions,
    batch normalisation and pools alone: ResNet, DenseNet, RegNet, MobileNet, EfficientNet.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the network")
    network: str = param("resnet18", "name of the network in timm")
    options: Mapping[str, Any] | None = param(None, 'other arguments of the network, as JSON: {"drop_rate": 0.2}')
    conversion: str = param("acs", "conversion of the kernels to 3D", ("acs", "inflated"))
    plane: str = param(
        "axial",
        "plane of the slices that the 2D network would read; kernels are inflated across these slices",
        tuple(PLANES),
    )
    weights: str = param("", "local safetensors file with weights of the 2D network; empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    def check(self) -> None:
        self._build_network(Task("regression", "mae"), (1, 64, 64, 64), self.weights_file())

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines import _convert

        axis = PLANES[self.plane]
        return _convert.create(self.network, shape, task.outputs, self.options or {}, file, self.conversion, axis)


METHOD = Timm3d
