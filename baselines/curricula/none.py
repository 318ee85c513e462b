"""No curriculum: plain training from the first step to the last."""

from __future__ import annotations

from dataclasses import dataclass

from bench.curriculum import Curriculum, Signals, Stage


@dataclass(frozen=True)
class NoCurriculum(Curriculum):
    """Every scan, in full, all the time."""

    def at(self, progress: float, signals: Signals) -> Stage:
        return Stage()


CURRICULUM = NoCurriculum
