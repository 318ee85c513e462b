"""Ray if there are several processors and many trials, or a cluster's address; else one trial after the other.

Where Ray cannot start on this machine, the trials run one after the other as well.
"""

from __future__ import annotations

import os

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.launchers import Launcher, load_launcher
from bench.experiments.launch.ray_folder import RayStartError
from bench.experiments.launch.signals import StopRequest
from bench.storage.record_store import Store

MANY = 12  # more trials than this are worth starting Ray for
INSTEAD = "running them one after the other"


def choose_launcher(trials: int, address: str) -> str:
    """`ray` or `serial`, by the number of trials, the processors of this machine and the address of a cluster."""
    many = trials > MANY and (os.cpu_count() or 1) > 1
    return "ray" if many or address else "serial"


def run_auto(work: PendingTrials, store: Store, progress: ProgressCallback, stop: StopRequest, address: str) -> None:
    """Run the open trials with the launcher that suits their number."""
    chosen = choose_launcher(len(work.trials), address)
    try:
        load_launcher(chosen).run(work, store, progress, stop, address)
    except RayStartError as error:
        if address:
            raise
        progress.message(f"{error.reason}; {INSTEAD}")
        load_launcher("serial").run(work, store, progress, stop, address)


LAUNCHER = Launcher(run_auto, cluster=True)
