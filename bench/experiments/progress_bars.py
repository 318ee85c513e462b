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
    """Progress of the preparation of a data set."""

    def __init__(self, console: Console, what: str) -> None:
        self.console, self.what, self.printed = console, what, time.monotonic()
        times = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times, console=console
        )
        self.began, self.first = time.monotonic(), 0
        self.task = self.bar.add_task(what, total=None)

    def __enter__(self) -> PreparationProgressBar:
        if self.console.is_terminal:
            self.bar.start()
        else:
            self.console.print(self.what)
        return self

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)
        now, self.first = time.monotonic(), self.first or done
        if not self.console.is_terminal and now - self.printed > line_interval(now - self.began):
            self.printed = now
            left = (now - self.began) / max(1, done - self.first) * (total - done)
            self.console.print(f"{self.what}: {done}/{total}, {left_words(left)}", highlight=False)

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.bar.stop()
