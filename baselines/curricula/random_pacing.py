"""Random pacing, a control: as many scans as in a curriculum, in random order."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.curricula import _pacing
from bench.core import param
from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class RandomPacing(Curriculum):
    """A share of the training scans, in one random order, that grows to all: the effect of the growing set itself.

    With the pace of `transfer_teacher`, or by=weights of `self_paced`, it is their control: the same numbers of scans
    and of steps. Source: Wu, Dyer, Neyshabur, When do curricula work?, ICLR 2021.
    """

    start: float = param(0.3, "share of the scans in use at the start")
    end: float = param(0.5, "share of the steps after which all scans are in use")
    pace: str = param("linear", "pacing function: how the share grows", _pacing.PACES)
    by: str = param(
        "subset", "subset: batches of the chosen scans only; weights: all scans, the others with weight 0", _pacing.BY
    )

    def __post_init__(self) -> None:
        _pacing.check(self.start, self.end)

    def at(self, progress: float, signals: Signals) -> Stage:
        import numpy as np

        order = np.random.default_rng(signals.seed).permutation(len(signals.seen))
        return _pacing.chosen(order, _pacing.share(self.pace, self.start, self.end, progress), signals, self.by)


CURRICULUM = RandomPacing
