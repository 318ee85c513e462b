"""Progress of a run on a console: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.core import Trial
from bench.experiments.launch.jobs import PendingTrials

PLAIN_EVERY, PLAIN_AT_MOST = 10.0, 300.0  # seconds between two plain lines, at the beginning and in a long run


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
            self.console.print(f"{self.what}: {done}/{total}, about {clock(left)} left", highlight=False)

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.bar.stop()


class TrialProgressBar:
    """Progress of the trials of a run, with the time that is left."""

    def __init__(self, work: PendingTrials, arms: Mapping[str, str], console: Console) -> None:
        self.arms, self.console = arms, console
        self.open = {trial.key: trial for trial in work.trials}
        self.total, self.began_at, self.printed = len(self.open), time.monotonic(), time.monotonic()
        self.shared = False
        self.parts: dict[str, float] = {}  # of the trials that run: the fraction done
        self.starts: dict[str, float] = {}
        self.took: dict[str, list[float]] = {}  # by method: fractions finished per second of the whole run
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), console=console,
        )  # fmt: skip
        self.task = self.bar.add_task("trials", total=self.total, left="")

    def __enter__(self) -> TrialProgressBar:
        if self.console.is_terminal and self.total:
            self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.console.is_terminal and self.total:
            self.bar.stop()

    def began(self, trial: Trial) -> None:
        self.parts[trial.key] = 0.0
        self.starts[trial.key] = time.monotonic()
        self._show(trial)

    def moved(self, trial: Trial, fraction: float) -> None:
        self.parts[trial.key] = fraction
        self._show(trial)

    def deferred(self, trial: Trial) -> None:
        self.parts.pop(trial.key, None)
        self.starts.pop(trial.key, None)
        if not self.shared:
            self.shared = True
            self.console.print("another process is running some of these trials; the work is shared", highlight=False)

    def lost(self, trial: Trial) -> None:
        self.parts.pop(trial.key, None)
        self.starts.pop(trial.key, None)
        self.console.print(f"a worker was lost; its trial will be run again: {self._name(trial)}", markup=False)

    def message(self, words: str) -> None:
        self.console.print(words, markup=False, highlight=False)

    def ended(self, trial: Trial, status: str, notes: Sequence[str] = ()) -> None:
        for note in notes:
            self.console.print(f"{self._name(trial)}: {note}", markup=False, highlight=False)
        self.open.pop(trial.key, None)
        self.parts.pop(trial.key, None)
        if trial.key in self.starts:
            self.took.setdefault(trial.method.name, []).append(time.monotonic() - self.starts.pop(trial.key))
        if status == "failed":
            self.console.print(f"failed: {self._name(trial)}", markup=False)
        self._show(trial)

    def _show(self, trial: Trial) -> None:
        done = self.total - len(self.open)
        left = self._left(done)
        self.bar.update(self.task, completed=done, description=self._name(trial)[:40], left=left)
        now = time.monotonic()
        if not self.console.is_terminal and (
            now - self.printed > line_interval(now - self.began_at) or done == self.total
        ):
            self.printed = now
            left = f", {left or 'time left unknown'}" if self.open else ""
            self.console.print(f"{done}/{self.total} trials{left}", highlight=False)

    def _name(self, trial: Trial) -> str:
        return f"{self.arms.get(trial.key, trial.method.name)}, fold {trial.fold + 1}"

    def _left(self, done: int) -> str:
        """The time left: from the mean seconds per method so far, scaled by the speed of the whole run."""
        if not done or not self.took or not self.open:
            return ""
        overall = [seconds for each in self.took.values() for seconds in each]
        mean = sum(overall) / len(overall)
        means = {name: sum(each) / len(each) for name, each in self.took.items()}
        ahead = sum(
            means.get(trial.method.name, mean) * (1 - self.parts.get(key, 0.0)) for key, trial in self.open.items()
        )
        behind = sum(overall)
        seconds = ahead / behind * (time.monotonic() - self.began_at) if behind else 0.0
        return f"about {clock(seconds)} left"


def line_interval(elapsed: float) -> float:
    """Seconds until the next plain line, a twentieth of those elapsed: a notebook or a job's log stays readable."""
    return min(PLAIN_AT_MOST, max(PLAIN_EVERY, elapsed / 20))


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some: 3:07, 2:03:07."""
    if seconds >= 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
