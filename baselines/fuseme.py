"""Three planes of a volume in a 2D network, with early or joint fusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._timm_method import TimmMethod
from bench.core import Range, Task, param
from bench.method import DESCENT
from bench.views import Dynamic, Orthogonal, View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class FuseMe(TimmMethod):
    """Early and joint fusion of sagittal, coronal and axial images, each of them 2D + epsilon.

    Of a volume it reads the middle slice of each plane and its two neighbours, nine channels in all. early: one network
    reads all channels. joint: a network reads each plane, and a linear layer reads the features of all three.
    `view=orthogonal` gives one slice of each plane instead, `view.kind=dynamic view.plane=all` their dynamic images.
    Source: Aderghal et al., FuseMe, CBMI 2017; Yoon et al., Scientific Reports 2024.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(), "how a scan becomes the input: the volume, or images of the three planes")
    fusion: str = param("joint", "early: fusion of the images; joint: fusion of the features", ("early", "joint"))
    shared: bool = param(True, "joint fusion: one network for all three planes; off: one for each")
    network: str = param("resnet18", "name of the network in timm")
    options: Mapping[str, Any] | None = param(None, 'other arguments of the network, as JSON: {"drop_rate": 0.2}')
    weights: str = param("", "local safetensors file with initial weights of the network; empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        if task.kind == "segmentation":
            return "it predicts one class or number for a scan, not a mask"
        if len(shape) == 3:
            return "it reads three planes of a volume, but this data set has images"
        three = isinstance(self.view, (Volume, Orthogonal))
        if not three and not (isinstance(self.view, Dynamic) and self.view.plane == "all" and not self.view.slab):
            return f"it reads three planes, but its view ({self.view.kind_name}) does not give one image of each"
        return misfit(lambda shown: self._build_network(task, shown, None), self.view, shape)

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines._planes import Early, Joint

        made = (self.network, self.options or {}, file)
        return (
            Early(shape, task.outputs, made)
            if self.fusion == "early"
            else Joint(shape, task.outputs, made, self.shared)
        )


METHOD = FuseMe
