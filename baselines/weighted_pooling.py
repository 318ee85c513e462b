"""The volume as one image whose slices have learnt weights, read by a network of timm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import Range, Task, param
from bench.method import DESCENT, Method, why_unsupported
from bench.views import PLANES, View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class WeightedPooling(Method):
    """Learnable weighted pooling: a weighted sum of slices, the weights learnt with the network that reads it.

    The weights begin at those of approximate rank pooling, or at equal ones, and are the same for all scans; the image
    is brought to mean 0 and deviation 1 by statistics of training. Idea: Xing et al., Learnable Weighted Pooling for 3D
    Medical Image Classification, after the dynamic image of their arXiv 2012.00119; details are this program's own.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(), "how a scan is shown; its slices are pooled inside the network")
    plane: str = param("sagittal", "of the slices that are pooled", tuple(PLANES))
    start: str = param(
        "bilen",
        "the weights at the beginning, see `rank_pooling_weights`; mean: equal",
        ("bilen", "linear", "running", "mean"),
    )
    learnt: bool = param(True, "off: the weights stay at their start, a control")
    network: str = param("resnet18", "as timm names it")
    options: Mapping[str, Any] | None = param(None, 'further arguments of the network, as JSON: {"drop_rate": 0.2}')
    weights: str = param("", "a local safetensors file of the network to start from; empty: from scratch")
    checksum: str = param("", "SHA-256 of that file: part of what the trial is")

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        return self._build_network(task, shape, self._file())

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        reason = why_unsupported(self, task, shape, (3,))
        return reason or misfit(lambda shown: self._build_network(task, shown, None), self.view, shape)

    def check(self) -> None:
        from baselines import _timm

        _timm.check(self.network, self.options or {}, self._file())

    def _build_network(self, task: Task, shape: tuple[int, ...], file: object) -> nn.Module:
        from baselines._pooling import Pooled

        made = (self.network, self.options or {}, file)
        return Pooled(shape, task.outputs, self.plane, self.start, self.learnt, made)

    def _file(self):
        from bench.weights import verified

        return verified(self.weights, self.checksum) if self.weights else None


METHOD = WeightedPooling
