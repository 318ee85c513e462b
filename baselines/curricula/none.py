"""No curriculum: plain training from the first step to the last."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core import Task
from bench.curriculum import Curriculum, Signals, Stage
from bench.method import Method


@dataclass(frozen=True)
class NoCurriculum(Curriculum):
    """Every scan, unchanged, at every step."""

    def at(self, progress: float, signals: Signals) -> Stage:
        return Stage()

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        return None


CURRICULUM = NoCurriculum
