"""DCL-SE as a method of the harness. Light to import: torch comes with `build`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Task, param
from bench.method import Method, unfit
from bench.views import Dynamic, View
from dclse.layout import POSITIONS, WIDTHS

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Dclse(Method):
    """DCL-SE: the volume as one dynamic image, read by a compact 2D network with dynamic group mechanisms (DGM).

    The defaults are the network and the encoding that its authors released: approximate rank pooling of the sagittal
    slices with running coefficients, scaled to whole numbers from 0 to 255, in three equal channels. The
    published formula of rank pooling is `view.coefficients=bilen`. On a data set of images the network reads the image
    and nothing is encoded. Source: arXiv 2511.15151; trained from scratch.
    """

    family: ClassVar[str] = "dclse"
    version: ClassVar[int] = 1

    view: View = param(
        Dynamic(plane="sagittal", coefficients="running", scale="minmax", quantise=True, channels=3),
        "how a scan is shown to the network",
    )
    dgm: tuple[str, ...] = param(POSITIONS, "stages after which a DGM stands; none: the backbone alone", POSITIONS)
    dgm_ratio: int = param(4, "channels to those between the two gating convolutions of a DGM")
    dgm_groups: int = param(4, "groups of every convolution of a DGM")
    attention: bool = param(True, "channel attention at the end of the one-branch blocks")

    def __post_init__(self) -> None:
        if min(self.dgm_ratio, self.dgm_groups) < 1:
            raise BenchError(f"dgm_ratio and dgm_groups are at least 1, not {self.dgm_ratio} and {self.dgm_groups}")
        for name in self.dgm:
            for channels in (WIDTHS[name], max(1, WIDTHS[name] // self.dgm_ratio)):
                if channels % self.dgm_groups:
                    raise BenchError(f"dgm_groups={self.dgm_groups} does not divide {channels} channels after {name}")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from dclse.network import Backbone

        return Backbone(shape[0], task.outputs, self.dgm, self.dgm_ratio, self.dgm_groups, self.attention)

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        return unfit(self, task, shape, (2,))
