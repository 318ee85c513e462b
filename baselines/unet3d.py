"""A U-Net for masks of volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Range, Task, param
from bench.method import DESCENT, PretrainedMethod
from bench.views import View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Unet3d(PretrainedMethod):
    """MONAI's residual U-Net on the volume at its prepared spacing.

    Scans are padded with zeros to a size that the strides divide, and the output is cropped again. The whole volume is
    read at once: prepare volumes that do not fit on a GPU at coarser voxels. Source: Kerfoot et al., STACOM 2018
    (doi:10.1007/978-3-030-12029-0_40); https://github.com/Project-MONAI/MONAI.
    """

    family: ClassVar[str] = "3d"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(), "how a scan becomes the input; masks stay on the prepared grid")
    channels: tuple[int, ...] = param((16, 32, 64, 128), "channels of each level; the size is halved between levels")
    units: int = param(2, "residual units of each level", within=(0,))

    def __post_init__(self) -> None:
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise BenchError(f"unet3d: channels must be two or more numbers of at least 1, not {self.channels}")

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._unet import PaddedUnet

        return PaddedUnet(shape[0], task.outputs, self.channels, self.units)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind != "segmentation":
            return "it predicts a mask, not one class or number for a scan"
        return None if len(shape) == 4 else "it reads volumes, but this data set has images"


METHOD = Unet3d
