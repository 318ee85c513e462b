"""Runs one trial after the other, in this process."""

from __future__ import annotations

import time
from collections import deque
from functools import partial

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.launchers import Launcher
from bench.experiments.launch.locked_trial import attempt
from bench.experiments.launch.signals import StopRequest
from bench.storage.record_store import Store

PAUSE = 0.5  # seconds until trials that other processes run are tried again


def run_serial(
    work: PendingTrials, store: Store, progress: ProgressCallback, stop: StopRequest, address: str = ""
) -> None:
    """Run the open trials; no further one starts after a request to stop. address: unused."""
    for wave in work.waves:
        waiting = deque(wave)
        passed = 0  # trials in a row that other processes run
        while waiting and not stop.requested:
            if passed == len(waiting):
                time.sleep(PAUSE)
                passed = 0
            trial = waiting.popleft()
            progress.began(trial)
            moved = partial(progress.moved, trial)
            outcome = attempt(trial, store, trial.key in work.keep, work.outdated.get(trial.key), moved)
            if outcome is None:
                waiting.append(trial)
                progress.deferred(trial)
                passed += 1
            else:
                progress.ended(trial, *outcome)
                passed = 0


LAUNCHER = Launcher(run_serial)
