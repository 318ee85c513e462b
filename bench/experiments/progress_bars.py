"""Progress of a run on a console: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.experiments.clock_text import left_words, line_interval
from bench.experiments.launch.jobs import PendingTrials
from bench.experiments.trial_progress import TrialProgressBar


class ConsoleMonitor:
    """Shows a run on a console (see `run_monitor.RunMonitor`)."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()

    def message(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def preparation(self, title: str) -> PreparationProgressBar:
        return PreparationProgressBar(self.console, title)

    def trials(self, work: PendingTrials, arms: Mapping[str, str]) -> TrialProgressBar:
        return TrialProgressBar(work, arms, self.console)


class PreparationProgressBar:
    """Progress of the preparation of a data set.

    The time left is that of the scans since the first one: starting the processes that read them is not counted.
    """

    def __init__(self, console: Console, what: str) -> None:
        self.console, self.what, self.printed = console, what, time.monotonic()
        times = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times, console=console
        )
        self.began = time.monotonic()
        self.first: tuple[float, int] | None = None  # when the first scans were there, and how many
        self.task = self.bar.add_task(what, total=None)

    def __enter__(self) -> PreparationProgressBar:
        if self.console.is_terminal:
            self.bar.start()
        else:
            self.console.print(self.what)
        return self

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)
        now = time.monotonic()
        self.first = self.first or (now, done)
        if not self.console.is_terminal and now - self.printed > line_interval(now - self.began):
            self.printed = now
            left = left_words(self._seconds_left(now, done, total))
            self.console.print(f"{self.what}: {done}/{total}{left and f', {left}'}", highlight=False)

    def _seconds_left(self, now: float, done: int, total: int) -> float | None:
        """Unknown until a twentieth of the scans, and at least two, have followed the first."""
        began, first = self.first or (now, done)
        followed = done - first
        return None if followed < max(2, total / 20) else (now - began) / followed * (total - done)

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.bar.stop()
