"""The floor of registration: the scans stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._registration_method import PairMethod
from bench.core import Task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Identity(PairMethod):
    """No displacement at all. It does not use the scans: every other method of registration has to beat it."""

    family: ClassVar[str] = "floor"
    blind: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    learns: ClassVar[bool] = False

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._alignment_networks import NoDisplacement

        return NoDisplacement()


METHOD = Identity
