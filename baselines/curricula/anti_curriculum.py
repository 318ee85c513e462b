"""Anti-curriculum, a control: the hardest scans come first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselines.curricula import _pacing
from bench.core import Trial, param
from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class AntiCurriculum(Curriculum):
    """The mirror image of `transfer_teacher` (scores=teacher) or of `self_paced` with hard weights (scores=own).

    Same pace, same numbers of scans and of steps, reverse order. Source: Wu, Dyer, Neyshabur, When do curricula work?,
    ICLR 2021.
    """

    scores: str = param(
        "teacher", "current losses: of a trained network (teacher), or of the network itself (own)", ("teacher", "own")
    )
    start: float = param(0.3, "share of the scans in use at the start")
    end: float = param(0.5, "share of the steps after which all scans are in use")
    pace: str = param("linear", "pacing function: how the share grows", _pacing.PACES)
    by: str = param(
        "subset", "scores=teacher: batches of the chosen scans only (subset), or weight 0 for the others", _pacing.BY
    )
    teacher: str = param("", "method whose losses rank the scans; empty: the method itself")
    teacher_params: Mapping[str, Any] | None = param(None, "parameters of the teacher, as JSON")

    def __post_init__(self) -> None:
        _pacing.check(self.start, self.end)

    def at(self, progress: float, signals: Signals) -> Stage:
        share = _pacing.share(self.pace, self.start, self.end, progress)
        if self.scores == "teacher":
            return _pacing.chosen(_pacing.easiest_first(signals)[::-1], share, signals, self.by)
        if share >= 1:
            return Stage()
        from baselines.curricula import _weighing

        return Stage(weigh=_weighing.SelfPaced(signals.seen.nanquantile(1 - share), harder=True))

    def upstream(self, trial: Trial) -> Sequence[Trial]:
        return (_pacing.teacher_of(trial, self.teacher, self.teacher_params),) if self.scores == "teacher" else ()


CURRICULUM = AntiCurriculum
