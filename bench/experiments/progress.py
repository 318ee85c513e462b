"""How far a study is: the trials of its plan, their records, and what is running. Reads from disk only."""

from __future__ import annotations

import calendar
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.core import Record, arm_label
from bench.core.study_plan import StudyPlan
from bench.experiments import plan
from bench.experiments.status_text import counts, damages, pace, troubles
from bench.experiments.trial_durations import RunningTrial, TimeLeft, TrialDurations
from bench.experiments.trial_notes import parse_note
from bench.storage.locks import read_lock_note
from bench.storage.record_store import Store

WINDOW = 900.0  # seconds over which the speed is measured


@dataclass(frozen=True, repr=False)
class StudyStatus:
    """How far a study is. Counts are of distinct trials.

    running: key, data, arm, partition, fold, seed, fraction done, seconds so far, node, step, steps, metric and score
    on the validation part of each running trial; 0, empty and None before its first evaluation point.
    per_hour: trials that end in an hour; None if none ended in the last 15 minutes. left_seconds: None if nothing
    runs or nothing is known. untimed: open trials of unknown length, which it leaves out. damaged: key -> what is
    wrong with its record. arms: label -> status -> trials. troubles: place, kind and message of each failed or refused
    trial. waiting: what trials wait for on a shared cluster.
    """

    study: str
    planned: int
    done: int
    failed: int
    refused: int
    open: int
    running: list[dict[str, Any]]
    per_hour: float | None
    left_seconds: float | None
    untimed: int
    damaged: dict[str, str]
    arms: dict[str, dict[str, int]]
    troubles: list[dict[str, Any]]
    waiting: list[str]

    def lines(self) -> list[str]:
        """The status in words: trials by status, speed and time left, then damaged records and failed trials."""
        state = asdict(self)
        return ["; ".join([counts(state), *pace(state)]), *damages(state), *troubles(self.troubles)]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"StudyStatus({self.lines()[0]})"


class StatusReader:
    """Reads the status of a study again and again; each record is read only once."""

    def __init__(self, plan: StudyPlan, store: Store) -> None:
        self.plan, self.store = plan, store
        self.cells = {cell.key: cell for cell in reversed(plan.cells)}
        self.known: dict[str, dict[str, Any]] = {}  # of finished trials

    def status(self, now: float | None = None) -> StudyStatus:
        """The status at `now`, in seconds since 1970; the current time if None."""
        from bench.experiments.launch.cluster_wait import waited_for

        self._read()
        now = time.time() if now is None else now  # after the records are read: what ended meanwhile counts
        statuses = {key: self.known[key]["status"] if key in self.known else "open" for key in self.cells}
        arms: dict[str, Counter] = {}
        for cell in self.plan.cells:
            arms.setdefault(arm_label(cell.arm, cell.role), Counter())[statuses[cell.key]] += 1
        counts, running = Counter(statuses.values()), self._running(statuses, now)
        left = self._left(statuses, running)
        return StudyStatus(
            study=self.plan.study,
            planned=len(statuses),
            **{status: counts[status] for status in ("done", "failed", "refused", "open")},
            running=running,
            per_hour=self._per_hour(now),
            left_seconds=left.seconds,
            untimed=left.unknown,
            damaged=dict(self.store.damaged),
            arms={label: dict(count) for label, count in arms.items()},
            troubles=self._troubles(),
            waiting=waited_for(self.store, self.cells),
        )

    def _read(self) -> None:
        for key in self.cells:
            if key not in self.known and (record := self.store.get(key)) is not None:
                self.known[key] = _digest(record)

    def _running(self, statuses: Mapping[str, str], now: float) -> list[dict[str, Any]]:
        """The locked trials, as far as this machine can see the locks."""
        notes = {key: read_lock_note(self.store.claims / key) for key, status in statuses.items() if status == "open"}
        return [
            {"key": key, **self._place(key), **_progress(note, now)} for key, note in notes.items() if note is not None
        ]

    def _per_hour(self, now: float) -> float | None:
        """Trials per hour, from those that ended in the last minutes; None if none did."""
        recent = [each for each in self.known.values() if each["ended"] and 0 <= now - each["ended"] <= WINDOW]
        if not recent:
            return None
        since = max(min(each["ended"] - each["seconds"] for each in recent), now - WINDOW)
        return 3600 * len(recent) / max(1.0, now - since)

    def _left(self, statuses: Mapping[str, str], running: list[dict[str, Any]]) -> TimeLeft:
        """The time until all trials are done, if as many run at once as now; unknown if nothing runs."""
        done = [(each["ended"] or 0.0, key, each["seconds"]) for key, each in self.known.items() if each["timed"]]
        durations = TrialDurations(ended=[(self._kind(key), seconds) for _, key, seconds in sorted(done)])
        at = [RunningTrial(self._kind(each["key"]), each["fraction"], each["seconds"]) for each in running]
        busy = {each["key"] for each in running}
        waiting = [self._kind(key) for key, status in statuses.items() if status == "open" and key not in busy]
        left = durations.left([waiting], at, len(at))
        return left if running else TimeLeft(None, left.unknown)

    def _kind(self, key: str) -> str:
        """Trials of an arm, or of a teacher, on a data set take about as long."""
        cell = self.cells[key]
        return f"{cell.data} {cell.method if cell.role == 'upstream' else cell.arm}"

    def _troubles(self) -> list[dict[str, Any]]:
        ended = {key: self.known[key] for key in reversed(self.cells) if key in self.known}
        bad = {key: each for key, each in ended.items() if each["status"] in ("failed", "refused")}
        shown = ("status", "seconds", "ended", "kind", "message")
        return [
            {"key": key, **self._place(key), **{name: each[name] for name in shown if name in each}}
            for key, each in bad.items()
        ]

    def _place(self, key: str) -> dict[str, Any]:
        return {name: getattr(self.cells[key], name) for name in ("data", "arm", "partition", "fold", "seed")}


def status_of(study: str, root: Path) -> StudyStatus:
    """How far a study is under a results root. BenchError if it was not run there."""
    return StatusReader(plan.read(study, root), Store(root)).status()


def _digest(record: Record) -> dict[str, Any]:
    """Status of a record, when it ended, how long it took, and why it failed."""
    seconds = float(record.provenance.get("seconds", 0.0))
    started = record.provenance.get("started")
    ended = calendar.timegm(time.strptime(started, "%Y-%m-%dT%H:%M:%SZ")) + seconds if started else None
    why = {name: record.error.get(name, "") for name in ("kind", "message")} if record.error else {}
    timed = record.status == "done" and seconds > 0 and not record.resolved.get("resumed_at_step")
    return {"status": record.status, "seconds": seconds, "ended": ended, "timed": timed, **why}


def _progress(note: str, now: float) -> dict[str, Any]:
    """The note that the process which runs a trial has left in its lock file: see `trial_notes`."""
    entry = parse_note(note)
    return {
        "fraction": entry.fraction,
        "seconds": max(0.0, now - entry.since) if entry.since else 0.0,
        "node": entry.node,
        "step": entry.step,
        "steps": entry.steps,
        "metric": entry.metric,
        "validation": entry.values.get("val"),
    }
