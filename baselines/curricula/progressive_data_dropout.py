"""Progressive data dropout: learnt scans are left out, and all scans return at the end."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import BenchError, Task, param
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method


@dataclass(frozen=True)
class ProgressiveDataDropout(Curriculum):
    """Only scans of a batch whose true class is still improbable have weight; at the end all scans have weight.

    The probability is exp(-loss), so that a method's other terms lower it. Its controls are other kinds: matched, as
    many scans of the batch, drawn at random; random, a share that falls exponentially over the training to `kept`. A
    fully learnt batch has no gradient, and still counts as a step.

    Source: Progressive data dropout, NeurIPS 2025, arXiv 2505.22342 (its DBPD, SMRD and SRD); theirs are 0.3, one epoch
    of 30 for revision, and a share of 0.99 an epoch.
    """

    kind: str = param("difficulty", "rule that chooses the scans with weight", ("difficulty", "matched", "random"))
    threshold: float = param(0.3, "probability of the true class at which a scan counts as learnt")
    revision: float = param(1 / 30, "share of the steps, at the end, in which all scans have weight")
    kept: float = param(0.74, "random: share of each batch with weight at the end")

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1 or not 0 <= self.revision <= 1 or not 0 < self.kept <= 1:
            raise BenchError("threshold, revision and kept must be shares between 0 and 1")

    def at(self, progress: float, signals: Signals) -> Stage:
        if progress >= 1 - self.revision:
            return Stage()
        import numpy as np

        from baselines.curricula import _weighing

        ranks = np.random.default_rng([signals.seed, signals.step]).permutation(signals.batch)
        return Stage(weigh=_weighing.Dropped(self.threshold, ranks, self.kind, self.kept**progress))

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind != "classification" and self.kind != "random":
            return "it needs the probability of the true class, but the target is not a class; set kind=random"
        return super().refuses(method, task, shape)


CURRICULUM = ProgressiveDataDropout
