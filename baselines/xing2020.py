"""The hybrid of Xing et al. 2020: the volume as one dynamic image, a 2D network with attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import Floats, Range, Task, param
from bench.method import DESCENT, Method, unfit
from bench.views import Dynamic, View

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Xing2020(Method):
    """Dynamic image, VGG11 features, a map of attention, two dense layers.

    Source: Xing et al., Dynamic Image for 3D MRI Image Alzheimer's Disease Classification, ECCV workshops 2020, arXiv
    2012.00119. Otherwise than in their code: the attention is normalised over all positions, not over the height
    alone, and has mean 1; dropout is off at evaluation; rank pooling follows the published formula; the input is
    normalised by the training part; the learning rate falls as in every other arm; features start from scratch unless
    `weights` names a local VGG11, where theirs start from ImageNet.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "dropout": Floats(0.0, 0.7)}

    view: View = param(
        Dynamic(plane="sagittal", coefficients="bilen", channels=3), "how a scan is shown to the network"
    )
    optimiser: str = param("adam", "of the steps", ("adamw", "adam", "sgd"))
    lr: float = param(1e-4, "learning rate at its highest")
    weight_decay: float = param(1e-3, "added to the gradient in Adam, decoupled in AdamW")
    dropout: float = param(0.5, "after each dense layer, in training")
    weights: str = param("", "a local safetensors file of a VGG11 (timm's vgg11, say); empty: from scratch")
    checksum: str = param("", "SHA-256 of that file: part of what the trial is")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._xing import AttentiveVgg

        model = AttentiveVgg(shape[0], task.outputs, self.dropout)
        if self.weights:
            model.load(self._file())
        return model

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return unfit(self, task, shape, (2,))

    def check(self) -> None:
        if self.weights:
            self._file()

    def _file(self):
        from bench.weights import verified

        return verified(self.weights, self.checksum)


METHOD = Xing2020
