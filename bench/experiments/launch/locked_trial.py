"""One trial: locked, run and saved, unless another process has finished it meanwhile."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from bench.core import Record, Trial
from bench.experiments.launch.jobs import StaleRecord
from bench.storage.locks import Lock
from bench.storage.record_store import Store

NOTE_EVERY = 0.5  # seconds between two notes of a trial's progress

TrialOutcome = tuple[str, list[str]]  # status of a trial, and its notes


def attempt(
    trial: Trial,
    store: Store,
    keep: bool,
    outdated: StaleRecord | None,
    progress: Callable[[float], None],
    node: str = "",
) -> TrialOutcome | None:
    """Run a trial unless another process has finished it; returns its status and notes, None if another one runs it.

    node: name of the node of a cluster that it runs on; empty without a cluster.
    """
    from bench.experiments import run_trial

    lock = store.claim(trial.key)
    if lock is None:
        return None
    with lock:
        if (outcome := resolve_existing(trial, store, keep, outdated)) is not None:
            return outcome
        note = note_progress(lock, progress, node)
        record = run_trial.run(trial, store, keep, note, lock.mark, node, note.evaluated)
    return outcome_of(record)


def resolve_existing(trial: Trial, store: Store, keep: bool, outdated: StaleRecord | None) -> TrialOutcome | None:
    """The outcome of a trial that another process has finished; else move a stale record aside and return None.

    The caller must hold the trial's lock.
    """
    record = store.get(trial.key)
    valid = record is not None and (outdated is None or store.mark(trial.key) != outdated.mark)
    if valid and not (keep and record.status == "done" and store.weights(trial.key) is None):
        return record.status, []
    if store.has(trial.key):
        store.set_aside(trial.key, "replaced" if valid else outdated.why if outdated else "damaged")
    return None


def outcome_of(record: Record) -> TrialOutcome:
    """Status and notes of a record."""
    return record.status, list(record.provenance.get("notes", []))


class ProgressNote:
    """Notes in the lock file how far a trial is, from time to time: `bench status` and `bench run` read it.

    Call it with the finished fraction. `evaluated` adds what an evaluation point has found.
    """

    def __init__(self, lock: Lock, progress: Callable[[float], None], node: str = "") -> None:
        self.lock, self.progress, self.last = lock, progress, 0.0
        self.entry: dict[str, Any] = {"fraction": 0.0, "since": round(time.time(), 3), "node": node}
        self(0.0)

    def __call__(self, fraction: float) -> None:
        self.entry["fraction"] = round(fraction, 4)
        if time.monotonic() - self.last >= NOTE_EVERY:
            self.last = time.monotonic()
            self.lock.write_note(json.dumps(self.entry))
        self.progress(fraction)

    def evaluated(self, step: int, steps: int, metric: str, values: Mapping[str, float]) -> None:
        """Remember an evaluation point. values: `val`, the score on the validation part, and the losses."""
        shown = {name: float(f"{value:.6g}") for name, value in values.items() if math.isfinite(value)}
        self.entry |= {"step": step, "steps": steps, "metric": metric, "values": shown}


def note_progress(lock: Lock, progress: Callable[[float], None], node: str = "") -> ProgressNote:
    """`progress`, which also writes a note into the lock file from time to time."""
    return ProgressNote(lock, progress, node)
