"""The volume as a weighted sum of slices with learnt weights, read by a network of timm."""

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
class WeightedPooling(TimmMethod):
    """Learnable weighted pooling: a weighted sum of slices, the weights learnt with the network that reads it.

    The weights start at those of approximate rank pooling, or equal, and are the same for all scans; the image is
    standardised by statistics of the training part. Idea: Xing et al., Learnable Weighted Pooling for 3D Medical Image
    Classification, after the dynamic image of their arXiv 2012.00119; the details are ours.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = DESCENT

    view: View = param(Volume(), "how a scan becomes the input; its slices are pooled inside the network")
    plane: str = param("sagittal", "plane of the pooled slices", tuple(PLANES))
    start: str = param(
        "bilen",
        "initial weights of the slices, see `rank_pooling_weights`; mean: equal weights",
        ("bilen", "linear", "running", "mean"),
    )
    learnt: bool = param(True, "learn the weights of the slices; off: they keep their initial values, as a control")
    network: str = param("resnet18", "name of the network in timm")
    options: Mapping[str, Any] | None = param(None, 'other arguments of the network, as JSON: {"drop_rate": 0.2}')
    weights: str = param("", "local safetensors file with initial weights of the network; empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines._pooling import Pooled

        made = (self.network, self.options or {}, file)
        return Pooled(shape, task.outputs, self.plane, self.start, self.learnt, made)


METHOD = WeightedPooling
