"""Self-paced learning: scans with a small current loss come first."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.curricula import _pacing
from bench.core import param
from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class SelfPaced(Curriculum):
    """Scans of a batch are weighted by their current losses against a growing threshold.

    The threshold is the quantile, at the share that the pace gives, of the training scans' most recent losses. Batches
    are those of plain training; their loss is the weighted mean, and a batch without an easy scan has no gradient. From
    `end` on, and before the first losses are known, all scans have equal weight. CurBench starts at a share of 0, which
    would stop learning at first. Controls: `random_pacing` with by=weights, `anti_curriculum` with scores=own.

    Source: Kumar, Packer, Koller, Self-paced learning for latent variable models, NIPS 2010; linear and logistic
    weights after Jiang et al., Easy samples first, ACM MM 2014, and Xu, Tao, Xu, Multi-view self-paced learning,
    IJCAI 2015.
    """

    start: float = param(0.3, "share of the scans with weight at the start")
    end: float = param(0.5, "share of the steps after which all scans have weight")
    pace: str = param("linear", "pacing function: how the share grows", _pacing.PACES)
    weighting: str = param(
        "hard", "hard: 1 up to the threshold; others: lower close to the threshold", ("hard", "linear", "logistic")
    )

    def __post_init__(self) -> None:
        _pacing.check(self.start, self.end)

    def at(self, progress: float, signals: Signals) -> Stage:
        share = _pacing.share(self.pace, self.start, self.end, progress)
        if share >= 1:
            return Stage()
        from baselines.curricula import _weighing

        return Stage(weigh=_weighing.SelfPaced(signals.seen.nanquantile(share), self.weighting))


CURRICULUM = SelfPaced
