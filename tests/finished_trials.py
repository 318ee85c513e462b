"""Trials that are run to their end in this process, with the trials that they need."""

from __future__ import annotations

from pathlib import Path

from bench.core import Trial
from bench.experiments import plan, run_trial
from bench.storage.record_store import Store


def carried_out(trial: Trial, root: Path):
    """Run a resolved trial after its upstream trials in a store at `root`; return the store and the trial's record."""
    store = Store(root)
    store.open()
    for each in (*plan.upstream_of(trial), trial):
        record = run_trial.run(each, store, True)
        assert record.status == "done", record.error
    return store, record
