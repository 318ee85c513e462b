"""Ray if there are several processors and many trials, or a cluster's address; else one trial after the other."""

from __future__ import annotations

import os

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.launchers import Launcher, load_launcher
from bench.experiments.launch.signals import StopRequest
from bench.storage.record_store import Store

MANY = 12  # more trials than this are worth starting Ray for


def choose_launcher(trials: int, address: str) -> str:
    """`ray` or `serial`, by the number of trials, the processors of this machine and the address of a cluster."""
    many = trials > MANY and (os.cpu_count() or 1) > 1
    return "ray" if many or address else "serial"


def run_auto(work: PendingTrials, store: Store, progress: ProgressCallback, stop: StopRequest, address: str) -> None:
    """Run the open trials with the launcher that suits their number."""
    load_launcher(choose_launcher(len(work.trials), address)).run(work, store, progress, stop, address)


LAUNCHER = Launcher(run_auto, cluster=True)
