"""What is shown while data are prepared and trials run: the interface, and a monitor that shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback


class RunMonitor(Protocol):
    """Shows the progress of a run. See `progress_bars.ConsoleMonitor` for a console."""

    def message(self, text: str) -> None:
        """Show a line of text."""

    def preparation(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Around the preparation of a data set; yields a function of (scans done, scans)."""

    def trials(self, work: PendingTrials, arms: Mapping[str, str]) -> AbstractContextManager[ProgressCallback]:
        """Around the trials of a run. arms: trial key -> label of its arm."""


class SilentMonitor:
    """Shows nothing."""

    def message(self, text: str) -> None:
        pass

    def preparation(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return nullcontext(_ignore)

    def trials(self, work: PendingTrials, arms: Mapping[str, str]) -> AbstractContextManager[ProgressCallback]:
        return nullcontext(_SilentCallback())


class _SilentCallback:
    """Ignores every event of a launcher."""

    began = moved = deferred = lost = ended = message = staticmethod(lambda *_: None)


def _ignore(*_: Any) -> None:
    pass
