"""The image encoder of SAM-Med3D, which is published with weights from masks in volumes of many parts of the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Range, Task, param
from bench.method import DESCENT, PretrainedMethod, why_unsupported
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class SamMed3d(PretrainedMethod):
    """A three-dimensional vision transformer with a linear head on the mean of its map.

    Patches of 16 voxels, blocks with attention in windows of 14 patches and every third one over the whole scan, and
    positions that are absolute and relative. The default has half the width of the published network, whose file gives
    `width=768 heads=12` in `bench weights convert`. That was trained on cubes of 128 voxels of 1.5 mm, standardised one
    by one. Scans are padded to a cube of whole patches by repeating the border; positions are resampled for its size.
    Source: Wang et al., SAM-Med3D: Towards General-purpose Segmentation Models for Volumetric Medical Images, arXiv
    2310.15161; the layers are restated from its tensors, relative positions as its program adds them.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(mm=4.0), "how a scan becomes the input of the network")
    width: int = param(384, "numbers of a token", within=(1,))
    depth: int = param(12, "blocks", within=(1,))
    heads: int = param(6, "heads of the attention; they divide the width", within=(1,))
    side: int = param(8, "patches along a side of the cube that stored positions are for", within=(1,))

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise BenchError(f"sammed3d: {self.heads} heads do not divide a width of {self.width}")

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._sammed3d_network import Classifier

        return Classifier(shape[0], task.outputs, self.width, self.depth, self.heads, self.side)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return why_unsupported(self, task, shape, (3,))


METHOD = SamMed3d
