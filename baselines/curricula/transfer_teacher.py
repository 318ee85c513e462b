"""Transfer teacher: scans that a trained network finds easy come first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselines.curricula import _pacing
from bench.core import Trial, param
from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class TransferTeacher(Curriculum):
    """Batches are drawn from the scans on which a trained network has the smallest losses, a share that grows to all.

    The network is that of an ordinary trial of the same data, fold and seed, with the same labels: by default of the
    method itself without a curriculum. Batches are always whole. Controls: `random_pacing`, `anti_curriculum`.

    Source: Weinshall, Cohen, Amir, Curriculum learning by transfer learning, ICML 2018; Hacohen, Weinshall, On the
    power of curriculum learning in training deep networks, ICML 2019.
    """

    start: float = param(0.3, "share of the scans in use at the start")
    end: float = param(0.5, "share of the steps after which all scans are in use")
    pace: str = param("linear", "pacing function: how the share grows", _pacing.PACES)
    by: str = param(
        "subset", "subset: batches of the chosen scans only; weights: all scans, the others with weight 0", _pacing.BY
    )
    teacher: str = param("", "method whose losses rank the scans; empty: the method itself")
    teacher_params: Mapping[str, Any] | None = param(None, "parameters of the teacher, as JSON")

    def __post_init__(self) -> None:
        _pacing.check(self.start, self.end)

    def at(self, progress: float, signals: Signals) -> Stage:
        share = _pacing.share(self.pace, self.start, self.end, progress)
        return _pacing.chosen(_pacing.easiest_first(signals), share, signals, self.by)

    def upstream(self, trial: Trial) -> Sequence[Trial]:
        return (_pacing.teacher_of(trial, self.teacher, self.teacher_params),)


CURRICULUM = TransferTeacher
