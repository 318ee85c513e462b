"""Progress of the trials of a run: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bench.core import Record, Trial
from bench.experiments.clock_text import duration, left_words, line_interval
from bench.experiments.launch.jobs import PendingTrials
from bench.experiments.run_clock import RunClock
from bench.experiments.trial_notes import TrialNote, note_of, score_words

SHOWN = 12  # running trials in the table
PER_SECOND = 2  # updates of a terminal


class TrialProgressBar:
    """Progress of the trials of a run: what runs, its steps and score so far, failures, and the time that is left."""

    def __init__(self, work: PendingTrials, arms: Mapping[str, str], console: Console) -> None:
        self.arms, self.console, self.store = arms, console, work.store
        self.open = {trial.key: trial for trial in work.trials}
        self.total, self.began_at, self.printed = len(self.open), time.monotonic(), time.monotonic()
        self.shared, self.failed = False, 0
        self.running: dict[str, Trial] = {}
        self.clock = RunClock(work)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), console=console,
        )  # fmt: skip
        self.task = self.bar.add_task("trials", total=self.total, left="")
        self.live = Live(console=console, get_renderable=self.view, refresh_per_second=PER_SECOND)

    def __enter__(self) -> TrialProgressBar:
        if self.console.is_terminal and self.total:
            self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.console.is_terminal and self.total:
            self.running.clear()
            self.live.stop()

    def view(self) -> Group:
        """The bar, and a line for each running trial. Called by another thread."""
        failed = [f"{self.failed} failed"] if self.failed else []
        self.bar.update(self.task, left=", ".join([*failed, *filter(None, [self._left()])]))
        rows = list(self.running.values())
        table = Table("running", "steps", "validation", "for", box=None, pad_edge=False)
        for trial in rows[:SHOWN]:
            note = self._note(trial.key)
            score = note.values.get("val")
            steps = f"{note.step}/{note.steps}" if note.steps else f"{self.clock.fraction(trial.key):.0%}"
            shown = "" if score is None else score_words(note.metric, score)
            table.add_row(Text(self._name(trial)), steps, shown, duration(self.clock.since(trial.key)))
        more = [Text(f"and {len(rows) - SHOWN} more")] if len(rows) > SHOWN else []
        return Group(self.bar, *([table] if rows else []), *more)

    def began(self, trial: Trial) -> None:
        self.running[trial.key] = trial
        self.clock.began(trial)
        self._show()

    def moved(self, trial: Trial, fraction: float) -> None:
        self.clock.moved(trial, fraction)
        self._show()

    def deferred(self, trial: Trial) -> None:
        self._forget(trial, elsewhere=True)
        if not self.shared:
            self.shared = True
            self.console.print("another process is running some of these trials; the work is shared", highlight=False)

    def lost(self, trial: Trial) -> None:
        self._forget(trial)
        self.console.print(f"a worker was lost; its trial will be run again: {self._name(trial)}", markup=False)

    def message(self, words: str) -> None:
        self.console.print(words, markup=False, highlight=False)

    def ended(self, trial: Trial, status: str, notes: Sequence[str] = ()) -> None:
        for note in notes:
            self.console.print(f"{self._name(trial)}: {note}", markup=False, highlight=False)
        self.open.pop(trial.key, None)
        record = self.store.get(trial.key) if self.store else None
        self.clock.ended(trial, record)
        self._forget(trial)
        if status == "failed":
            self.failed += 1
            self.console.print(f"failed: {self._name(trial)}{_why(record)}", markup=False, highlight=False)
        self._show()

    def _forget(self, trial: Trial, elsewhere: bool = False) -> None:
        self.running.pop(trial.key, None)
        self.clock.stopped(trial, elsewhere)

    def _show(self) -> None:
        done = self.total - len(self.open)
        self.bar.update(self.task, completed=done)
        now = time.monotonic()
        if not self.console.is_terminal and (
            now - self.printed > line_interval(now - self.began_at) or done == self.total
        ):
            self.printed = now
            self.console.print(self._line(done), highlight=False, markup=False, soft_wrap=True)

    def _line(self, done: int) -> str:
        """`22/48 trials, 1 failed; running: DCL-SE, fold 2 (240/300 steps, validation AUC 0.710); about 9 min left`."""
        count = f"{done}/{self.total} trials" + (f", {self.failed} failed" if self.failed else "")
        if not self.open:
            return count
        trial = next(iter(self.running.values()), None)
        words = self._note(trial.key).words if trial else ""
        more = f" and {len(self.running) - 1} more" if len(self.running) > 1 else ""
        now = [f"running: {self._name(trial)}{f' ({words})' if words else ''}{more}"] if trial else []
        return "; ".join([count, *now, self._left() or "time left unknown until a trial has taken some steps"])

    def _note(self, key: str) -> TrialNote:
        return note_of(self.store, key) if self.store else TrialNote()

    def _name(self, trial: Trial) -> str:
        return f"{self.arms.get(trial.key, trial.method.name)}, fold {trial.fold + 1}"

    def _left(self) -> str:
        """The time left, a bound while some kinds were never timed; empty if nothing is known or nothing is left."""
        if not self.open:
            return ""
        left = self.clock.left()
        return left_words(left.seconds, left.unknown)


def _why(record: Record | None) -> str:
    """The reason of a failed trial, from its record."""
    error = record.error if record is not None and record.error else {}
    return f": {error['kind']}: {error['message']}" if error else ""
