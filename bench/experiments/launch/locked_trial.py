"""One trial: claimed, run and kept, unless another process has done it meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from bench.core import Record, Trial
from bench.experiments.launch.jobs import StaleRecord
from bench.storage.locks import Lock
from bench.storage.record_store import Store

NOTE_EVERY = 0.5  # seconds between two notes of how far a trial is

TrialOutcome = tuple[str, list[str]]  # status of a trial, and what there is to say of it


def attempt(
    trial: Trial,
    store: Store,
    keep: bool,
    outdated: StaleRecord | None,
    progress: Callable[[float], None],
    node: str = "",
) -> TrialOutcome | None:
    """Run a trial, unless another process has done it meanwhile; None while another one is at it.

    Returns its status, and what there is to say of it. node: where it runs, where that is part of a cluster.
    """
    from bench.experiments import run_trial

    held = store.claim(trial.key)
    if held is None:
        return None
    with held:
        if (outcome := resolve_existing(trial, store, keep, outdated)) is not None:
            return outcome
        record = run_trial.run(trial, store, keep, note_progress(held, progress, node), held.mark, node)
    return outcome_of(record)


def resolve_existing(trial: Trial, store: Store, keep: bool, outdated: StaleRecord | None) -> TrialOutcome | None:
    """What came of a trial that was done meanwhile; None where it is to be run: a record in its way is set aside.

    For whoever holds the trial's claim.
    """
    record = store.get(trial.key)
    stands = record is not None and (outdated is None or store.mark(trial.key) != outdated.mark)
    if stands and not (keep and record.status == "done" and store.weights(trial.key) is None):
        return record.status, []
    if store.has(trial.key):
        store.set_aside(trial.key, "replaced" if stands else outdated.why if outdated else "damaged")
    return None


def outcome_of(record: Record) -> TrialOutcome:
    """Status and notes of a record."""
    return record.status, list(record.provenance.get("notes", []))


def note_progress(held: Lock, progress: Callable[[float], None], node: str = "") -> Callable[[float], None]:
    """`progress`, and a note in the claim now and then, from which `bench status` sees how far the trial is."""
    since, last = time.time(), 0.0

    def moved(fraction: float) -> None:
        nonlocal last
        if time.monotonic() - last >= NOTE_EVERY:
            last = time.monotonic()
            held.write_note(json.dumps({"fraction": round(fraction, 4), "since": round(since, 3), "node": node}))
        progress(fraction)

    moved(0.0)
    return moved
