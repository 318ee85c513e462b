"""Any two-dimensional network of timm, on any two-dimensional view of the volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._timm_method import TimmMethod
from bench.core import Range, Task, param
from bench.method import DESCENT
from bench.views import Dynamic, View

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Timm2d(TimmMethod):
    """A network of timm (ResNet, ConvNeXt, ViT, Swin and about a thousand more) on one image of each scan.

    The default image is the dynamic image of the sagittal slices by the published formula; any other view that gives an
    image can replace it, such as `view=2d+e` or `view=max`. Trained from scratch unless `weights` names a local file;
    nothing is downloaded. The file may contain the image encoder of a foundation model (DINOv2, CLIP); set `network` to
    the name of its network. Transformers are built for the size of the images, padded to whole patches by repeating the
    border, so that nothing is cut off. Source: https://github.com/huggingface/pytorch-image-models.
    """

    family: ClassVar[str] = "2d"
    axes: ClassVar[int] = 2
    version: ClassVar[int] = 2
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(
        Dynamic(plane="sagittal", coefficients="bilen", channels=3), "how a scan becomes the input of the network"
    )
    network: str = param("resnet18", "name of the network in timm")
    options: Mapping[str, Any] | None = param(None, 'other arguments of the network, as JSON: {"drop_rate": 0.2}')
    weights: str = param("", "local safetensors file with initial weights of the same network; empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    train: str = param(
        "all",
        "trainable weights: all; head: the last layer only (a linear probe); last: the last stage and the "
        "head. All others are frozen, batch statistics included",
        ("all", "head", "last"),
    )
    head_scale: float = param(
        1.0,
        "factor of the first weights of the output layer, where no file has them; 0: the first answers are 0. timm "
        "draws those of EfficientNets and MobileNets for many classes: with few outputs first answers are very large",
        later=True,
        within=(0,),
    )

    def last_stage(self, model: nn.Module, head: set[str]) -> set[str]:
        from baselines import _timm

        return _timm.last_stage(model, head)

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines import _timm

        model = _timm.create(self.network, shape, task.outputs, self.options or {}, file)
        _timm.scale_head(model, self.head_scale)
        return model


METHOD = Timm2d
