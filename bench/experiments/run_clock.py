"""Follows the trials of a run: since when each runs, how far it is, how many run at once, and the time left."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace

from bench.core import Record, Trial
from bench.experiments.launch.jobs import PendingTrials
from bench.experiments.trial_durations import RunningTrial, TimeLeft, trial_kind
from bench.experiments.trial_notes import note_of

RECENT = 600.0  # seconds over which the most trials at once are what a run, or other processes, can run at once
LOOKED_AT = 64  # trials of other processes whose notes are read


@dataclass
class _Course:
    """A trial that runs here: its kind, when it began, the fraction done, and whether it resumed an earlier start."""

    kind: str
    began: float
    resumed: bool
    fraction: float = 0.0

    def at(self, now: float) -> RunningTrial:
        return RunningTrial(self.kind, self.fraction, 0.0 if self.resumed else now - self.began)


class RunClock:
    """The time left of a run, from the durations of its kinds of trials and what runs now."""

    def __init__(self, work: PendingTrials) -> None:
        self.store = work.store
        self.begun = work.store.begun() if work.store else frozenset()  # by an earlier process, which was stopped
        self.durations = replace(work.durations, ended=[])
        self.kinds = {trial.key: trial_kind(trial) for trial in work.trials}
        self.waves = [{trial.key: None for trial in wave} for wave in work.waves]  # the open trials, in order
        self.courses: dict[str, _Course] = {}
        self.elsewhere: set[str] = set()  # trials that another process was seen to run
        self.counts: deque[tuple[float, int]] = deque()
        self.counts_elsewhere: deque[tuple[float, int]] = deque()

    def began(self, trial: Trial) -> None:
        """A trial starts here."""
        self.elsewhere.discard(trial.key)
        kind = self.kinds.get(trial.key, trial_kind(trial))
        self.courses[trial.key] = _Course(kind, time.monotonic(), trial.key in self.begun)
        _count(self.counts, len(self.courses))

    def moved(self, trial: Trial, fraction: float) -> None:
        """A trial that runs here has gone on."""
        course = self.courses.get(trial.key)
        if course is not None:
            course.fraction = fraction

    def stopped(self, trial: Trial, elsewhere: bool = False) -> None:
        """A trial no longer runs here; elsewhere: another process runs it."""
        self.courses.pop(trial.key, None)
        if elsewhere:
            self.elsewhere.add(trial.key)

    def ended(self, trial: Trial, record: Record | None) -> None:
        """A trial has a record, of this process or of another."""
        course = self.courses.get(trial.key)
        self.stopped(trial)
        self.elsewhere.discard(trial.key)
        for wave in self.waves:
            wave.pop(trial.key, None)
        seconds = record.provenance.get("seconds") if record is not None else None
        resumed = record.resolved.get("resumed_at_step") if record is not None else course and course.resumed
        if seconds is None and course is not None:
            seconds = time.monotonic() - course.began
        if seconds and not resumed:
            self.durations.ended.append((trial_kind(trial), float(seconds)))

    def since(self, key: str) -> float:
        """Seconds that a trial has been running here."""
        course = self.courses.get(key)
        return time.monotonic() - course.began if course else 0.0

    def fraction(self, key: str) -> float:
        """The fraction of a trial that is done."""
        course = self.courses.get(key)
        return course.fraction if course else 0.0

    def left(self) -> TimeLeft:
        """The time until all trials of the run are done."""
        now, others = time.monotonic(), self._others()
        running = [course.at(now) for course in list(self.courses.values())] + list(others.values())
        busy = {*self.courses, *others}
        waiting = [[self.kinds[key] for key in list(wave) if key not in busy] for wave in self.waves]
        # between two trials of another process nothing is known to run there, and yet it goes on
        _count(self.counts_elsewhere, len(others))
        return self.durations.left(waiting, running, sum(map(_most, (self.counts, self.counts_elsewhere))))

    def _others(self) -> dict[str, RunningTrial]:
        """The trials that other processes run, by what they note."""
        if self.store is None:
            return {}
        notes = {key: note_of(self.store, key) for key in sorted(self.elsewhere)[:LOOKED_AT] if key in self.kinds}
        return {
            key: RunningTrial(self.kinds[key], note.fraction, max(0.0, time.time() - note.since))
            for key, note in notes.items()
            if note.since
        }


def _count(counts: deque[tuple[float, int]], running: int) -> None:
    now = time.monotonic()
    counts.append((now, running))
    while len(counts) > 1 and now - counts[0][0] > RECENT:
        counts.popleft()


def _most(counts: deque[tuple[float, int]]) -> int:
    """The most trials at once of recent time, or of the last count if all are older; 0 without a count."""
    now = time.monotonic()
    return max((count for at, count in counts if now - at <= RECENT), default=counts[-1][1] if counts else 0)
