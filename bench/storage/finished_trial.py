"""The record of a finished trial whose weights were saved, or what to do where there is none. Imports no torch."""

from __future__ import annotations

import shlex

from bench.core import BenchError, Record
from bench.storage.record_store import Store


def finished_record(store: Store, key: str) -> Record:
    """The record of a trial. BenchError if it does not exist, is damaged or not done, or its weights were not saved."""
    record = store.verified(key, weights=True)
    if key in store.damaged:
        raise BenchError(
            f"the trial {key} is damaged: {store.damaged[key]}; put back a copy of its folder, or move it away and run"
            " its study again with --keep-weights"
        )
    if record is None:
        raise BenchError(f"no finished trial {key} in {store.root}; `bench run` prints the folder of its records")
    if record.status != "done":
        raise BenchError(f"the trial {key} is {record.status}: {record.error.get('message', '')}; it has no network")
    if store.weights(key) is None:
        raise BenchError(f"the weights of trial {key} were not saved; {rerun_hint('X')}")
    return record


def rerun_hint(study: str) -> str:
    """What to do if weights were not saved. Records never change, so the study runs again in another folder."""
    command = f"BENCH_RESULTS=FOLDER bench run --study {shlex.quote(study)} --keep-weights"
    return f"run its study again with them, in another results folder: {command}"
