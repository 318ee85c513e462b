"""The 3D residual U-Net of deepbet, which is published with weights from scans of thousands of people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import Range, Task, param
from bench.method import DESCENT, PretrainedMethod, why_unsupported
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Deepbet3d(PretrainedMethod):
    """The network of deepbet: its encoder with a linear head for classes and numbers, the whole U-Net for masks.

    A ResNet-18 in three dimensions with 16 to 128 channels, instance normalisation without weights, and narrow decoding
    blocks. The package publishes weights for the outline of the brain in T1 scans; `bench weights convert` reads them.
    They were trained at 1 mm with scans in [0, 1], standardised one by one. Volumes are padded to multiples of 32 by
    repeating the border. Source: Fisch et al., deepbet: Fast brain extraction of T1-weighted MRI using Convolutional
    Neural Networks, arXiv 2308.07003; the layers are restated from the shapes of its tensors.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(mm=2.0), "how a scan becomes the input; masks stay on the prepared grid")

    def view_for(self, task: Task) -> View:
        return Volume() if task.kind == "segmentation" else self.view

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._deepbet_network import Classifier, Segmenter

        return (Segmenter if task.kind == "segmentation" else Classifier)(shape[0], task.outputs)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind == "segmentation":
            return None if len(shape) == 4 else "it reads volumes, but this data set has images"
        return why_unsupported(self, task, shape, (3,))


METHOD = Deepbet3d
