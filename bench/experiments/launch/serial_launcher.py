"""One trial after the other, in this process."""

from __future__ import annotations

import time
from collections import deque
from functools import partial

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.locked_trial import attempt
from bench.experiments.launch.signals import StopRequest
from bench.storage.record_store import Store

PAUSE = 0.5  # seconds between two looks at trials that other processes are at


def in_turn(work: PendingTrials, store: Store, watch: ProgressCallback, stop: StopRequest) -> None:
    """Run what is outstanding; after the trial in flight no other one, where a stop was asked for."""
    for wave in work.waves:
        waiting = deque(wave)
        passed = 0  # trials in a row that other processes are at
        while waiting and not stop.asked:
            if passed == len(waiting):
                time.sleep(PAUSE)
                passed = 0
            trial = waiting.popleft()
            watch.began(trial)
            moved = partial(watch.moved, trial)
            outcome = attempt(trial, store, trial.key in work.keep, work.outdated.get(trial.key), moved)
            if outcome is None:
                waiting.append(trial)
                watch.elsewhere(trial)
                passed += 1
            else:
                watch.ended(trial, *outcome)
                passed = 0
