"""Random pacing, a control: as many scans as in a curriculum, in random order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baselines.curricula import _pacing
from bench.core import param
from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class RandomPacing(Curriculum):
    """A share of the training scans that grows to all, in one random order: the effect of a growing set alone.

    With the pace of `transfer_teacher`, or by=weights of `self_paced`, it is their control: the same numbers of scans
    and of steps. Source: Wu, Dyer, Neyshabur, When do curricula work?, ICLR 2021.
    """

    start: float = param(0.3, "share of the scans that come first")
    end: float = param(0.5, "share of the steps after which all are there")
    pace: str = param("linear", "how the share grows", _pacing.PACES)
    by: str = param("subset", "batches of the chosen scans alone, or plain ones with weights 0", _pacing.BY)

    def __post_init__(self) -> None:
        _pacing.check(self.start, self.end)

    def at(self, progress: float, signals: Signals) -> Stage:
        order = np.random.default_rng(signals.seed).permutation(len(signals.seen))
        return _pacing.chosen(order, _pacing.share(self.pace, self.start, self.end, progress), signals, self.by)


CURRICULUM = RandomPacing
