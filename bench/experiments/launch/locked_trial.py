"""One trial: locked, run and saved, unless another process has finished it meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

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
        record = run_trial.run(trial, store, keep, note_progress(lock, progress, node), lock.mark, node)
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


def note_progress(lock: Lock, progress: Callable[[float], None], node: str = "") -> Callable[[float], None]:
    """`progress`, which also writes a note into the lock file from time to time: `bench status` reads it."""
    since, last = time.time(), 0.0

    def moved(fraction: float) -> None:
        nonlocal last
        if time.monotonic() - last >= NOTE_EVERY:
            last = time.monotonic()
            lock.write_note(json.dumps({"fraction": round(fraction, 4), "since": round(since, 3), "node": node}))
        progress(fraction)

    moved(0.0)
    return moved
