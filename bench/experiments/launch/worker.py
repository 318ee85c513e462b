"""Runs a trial on a node: in the results folder if the node sees it, else in a folder of the node.

From a folder of the node the record is sent back as bytes; the node deletes it after it has arrived.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core import Trial
from bench.experiments import run_trial  # and all that a trial needs, before the first one is timed
from bench.experiments.launch import code_archive, worker_progress
from bench.experiments.launch.jobs import StaleRecord
from bench.experiments.launch.locked_trial import TrialOutcome, attempt
from bench.storage.atomic_io import remove_tree
from bench.storage.private_folder import private_folder
from bench.storage.record_store import Store
from bench.training.device import default_device

Sent = tuple[str, dict[str, bytes]]  # the key of a teacher, and its files


@dataclass(frozen=True)
class WorkerJob:
    """The results that a worker process works for."""

    root: str  # of the results, on the machine that sends the trials
    shared: bool  # True if the node sees that folder
    node: str  # the name of the node; empty without a cluster

    @property
    def store(self) -> Store:
        """The record store on this node."""
        return Store(Path(self.root) if self.shared else self.own / "results")

    @property
    def own(self) -> Path:
        """A folder of this node for these results. One node of several on a machine has its own.

        RunAbortedError if another user has made it: a trial resumes from what lies there.
        """
        digest = hashlib.sha256(f"{self.root} {self.node}".encode()).hexdigest()[:16]
        return private_folder(Path(tempfile.gettempdir()) / f"dclse-bench-{os.getuid()}-work") / digest


def carry_out(
    job: WorkerJob, trial: Trial, keep: bool, outdated: StaleRecord | None, *teachers: Sent
) -> tuple[TrialOutcome | None, dict[str, bytes]]:
    """Run a trial: its outcome, None if another process runs it; and its files, if they have to be sent back."""
    store = job.store
    if not job.shared:
        store.open()
        if outdated is not None:
            remove_tree(store.folder(trial.key))
            outdated = None
        for key, files in teachers:
            if store.has(key) and store.verified(key, weights=True) is None:
                remove_tree(store.folder(key))  # a process was killed while it deleted it
            store.receive(key, files)
    outcome = attempt(trial, store, keep, outdated, worker_progress.writer(trial.key), job.node)
    sent = job.shared or outcome is None
    return outcome, {} if sent else code_archive.pack_folder(store.folder(trial.key))


def delete_record(job: WorkerJob, key: str) -> None:
    """Delete the record of a trial that has arrived."""
    if not job.shared:
        remove_tree(job.store.folder(key))


def measure_peak(job: WorkerJob | None, trial: Trial) -> tuple[str, float | None]:
    """The device of a trial and its peak memory there in megabytes, from two steps; None if they failed.

    A trial with upstream trials is not measured: with other steps it would need other upstream trials.
    """
    short = replace(trial, recipe=replace(trial.recipe, steps=2, points=1))
    if trial.upstream:
        return default_device().type, None
    with tempfile.TemporaryDirectory(prefix="dclse-bench-measure-") as folder:
        store = Store(Path(folder))
        store.open()
        record = run_trial.run(short, store)
    peak = record.cost.get("peak_memory_mb") if record.status == "done" else None
    return default_device().type, peak
