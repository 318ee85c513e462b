"""Slices of a volume read one by one by a 2D network, with aggregated features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from baselines._timm_method import TimmMethod
from bench.core import BenchError, Floats, Range, Task, param
from bench.method import DESCENT
from bench.views import PLANES, View, Volume

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Slices(TimmMethod):
    """One network for all slices; their features are weighted by attention, read by a transformer, or averaged.

    gated: attention with tanh and sigmoid units (Ilse et al., Attention-based Deep Multiple Instance Learning, ICML
    2018, arXiv 1802.04712); attention: the same without the gate; transformer: slices as tokens with learnt positions
    and one class token; mean, max: controls. One label belongs to the whole scan, so nothing is learnt slice by slice.
    """

    family: ClassVar[str] = "hybrid"
    space: ClassVar[Mapping[str, Range]] = {**DESCENT, "dropout": Floats(0.0, 0.5)}

    view: View = param(Volume(), "how a scan becomes the input; the network selects the slices itself")
    aggregate: str = param(
        "gated", "aggregation of the slices' features", ("gated", "attention", "transformer", "mean", "max")
    )
    plane: str = param("axial", "plane of the slices", tuple(PLANES))
    slices: int = param(16, "number of slices, equally spaced along the axis; all if there are fewer")
    trim: float = param(0.1, "fraction of the axis that is left out at each end")
    units: int = param(128, "units of the attention, or width of the transformer's tokens")
    depth: int = param(2, "layers of the transformer")
    heads: int = param(4, "attention heads of the transformer")
    dropout: float = param(0.0, "dropout rate of the transformer, in training", within=(0, 1))
    network: str = param("resnet18", "name of the network in timm")
    options: Mapping[str, Any] | None = param(None, 'other arguments of the network, as JSON: {"drop_rate": 0.2}')
    weights: str = param("", "local safetensors file with initial weights of the network; empty: from scratch")
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity")

    def __post_init__(self) -> None:
        if min(self.slices, self.units, self.depth, self.heads) < 1:
            raise BenchError("slices: slices, units, depth and heads must be 1 or more")
        if self.units % self.heads:
            raise BenchError(f"slices: heads={self.heads} must divide units={self.units}")
        if not 0 <= self.trim < 0.5:
            raise BenchError(f"slices: trim must be in [0, 0.5), not {self.trim}")

    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        from baselines._slices import Reader, positions

        axis = PLANES[self.plane]
        at = positions(shape[1 + axis], self.slices, self.trim)
        made = (self.network, self.options or {}, file)
        sizes = (self.units, self.depth, self.heads)
        return Reader(shape, task.outputs, axis, at, made, self.aggregate, sizes, self.dropout)


METHOD = Slices
