"""SuperLoss: losses above a threshold are scaled down, those below it scaled up, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.core import BenchError, param
from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class SuperLoss(Curriculum):
    """Each loss of a batch is multiplied by the s that minimises (loss - tau) s + lam (log s)^2, held fixed.

    s = exp(-W(max(-2 / e, (loss - tau) / lam) / 2)) with Lambert's W: 1 at tau, at most e, towards 0 for large losses.
    The rule is the same at every step; which scans are easy changes with the network.

    Source: Castells, Weinzaepfel, Revaud, SuperLoss: a generic loss for robust curriculum learning, NeurIPS 2020.
    """

    lam: float = param(1.0, "regularisation of s; large values approach plain training")
    tau: str = param(
        "auto",
        "auto: log of the number of classes, and mean for numbers and masks; mean: of the most recent losses",
        ("auto", "mean"),
    )

    def __post_init__(self) -> None:
        if self.lam <= 0:
            raise BenchError(f"lam must be above 0, not {self.lam}")

    def at(self, progress: float, signals: Signals) -> Stage:
        from baselines.curricula import _weighing

        by_classes = self.tau == "auto" and signals.task is not None and signals.task.kind == "classification"
        tau = math.log(signals.task.outputs) if by_classes else signals.seen.nanmean()
        return Stage(weigh=_weighing.SuperLoss(tau, self.lam))


CURRICULUM = SuperLoss
