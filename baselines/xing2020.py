"""The hybrid of Xing et al. 2020: the volume as one dynamic image, a 2D network with attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Floats, Range, Task, param
from bench.method import DESCENT, PretrainedMethod, why_unsupported
from bench.views import Dynamic, View

if TYPE_CHECKING:
    from torch import nn

LEAST = 16  # pixels along each axis


@dataclass(frozen=True, kw_only=True)
class Xing2020(PretrainedMethod):
    """Dynamic image, VGG11 features, an attention map, two dense layers.

    Source: Xing et al., Dynamic Image for 3D MRI Image Alzheimer's Disease Classification, ECCV workshops 2020, arXiv
    2012.00119. Differences from their code: the attention is normalised over all positions, not over the height alone
    (`attention=height`), and has mean 1; dropout is off at evaluation; rank pooling follows the published formula
    (theirs: `view.coefficients=running`); the input is normalised by the training part; the learning rate falls as in
    every other arm; features start from scratch unless `weights` names a local VGG11, where theirs start from ImageNet.
    Their simpler rows are `attention=none` with `view=max` or `view=mean`.
    """

    family: ClassVar[str] = "hybrid"
    version: ClassVar[int] = 2
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "dropout": Floats(0.0, 0.7)}

    view: View = param(
        Dynamic(plane="sagittal", coefficients="bilen", channels=3), "how a scan becomes the input of the network"
    )
    optimiser: str = param("adam", "optimisation algorithm", ("adamw", "adam", "sgd"))
    lr: float = param(1e-4, "peak learning rate", within=(0,))
    weight_decay: float = param(1e-3, "weight decay; added to the gradient in Adam, decoupled in AdamW", within=(0,))
    dense: tuple[int, ...] = param((1024, 256), "units of the dense layers before the last one")
    dropout: float = param(0.5, "dropout rate after each of these dense layers, in training", within=(0, 1))
    attention: str = param(
        "positions",
        "attention is normalised over all positions, or over the height only; none: equal weights, as a control",
        ("positions", "height", "none"),
    )
    weights: str = param("", "local safetensors file of a VGG11 (such as timm's vgg11); empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    def __post_init__(self) -> None:
        if min(self.dense, default=1) < 1 or not 0 <= self.dropout < 1:
            raise BenchError("xing2020: dense layers must have 1 unit or more, and dropout must be in [0, 1)")

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._xing_network import AttentiveVgg

        _check_size(shape)
        return AttentiveVgg(shape[0], task.outputs, self.dense, self.dropout, self.attention)

    def initialise(self, model: nn.Module) -> None:
        model.load(self.weights_file())

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        reason = why_unsupported(self, task, shape, (2,))
        return reason or misfit(self._check_input, self.view, shape)

    def check(self) -> None:
        from baselines._xing_network import stored_channels

        if self.weights:
            stored_channels(self.weights_file())

    def _check_input(self, shape: tuple[int, ...]) -> None:
        from baselines._xing_network import stored_channels

        _check_size(shape)
        channels = stored_channels(self.weights_file()) if self.weights else shape[0]
        if channels != shape[0]:
            raise BenchError(f"{self.weights} holds a network for images of {channels} channels, not of {shape[0]}")


def _check_size(shape: tuple[int, ...]) -> None:
    """BenchError if images of `shape`, (C, H, W), are too small for four halvings."""
    from baselines._input_sizes import times

    if min(shape[1:]) < LEAST:
        raise BenchError(
            f"it halves images four times, so they need {LEAST} pixels along each axis, but have {times(shape[1:])}"
        )


METHOD = Xing2020
