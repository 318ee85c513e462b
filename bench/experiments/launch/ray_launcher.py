"""Runs trials in parallel through Ray: on this machine, or on the nodes of a cluster."""

from __future__ import annotations

from collections import deque
from typing import Any

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.launchers import Launcher
from bench.experiments.launch.nodes import NodeCheck
from bench.experiments.launch.ray_process import run_on_ray
from bench.experiments.launch.signals import StopRequest
from bench.experiments.launch.wave_scheduler import WaveScheduler
from bench.experiments.launch.worker_pool import WorkerPool
from bench.storage.record_store import Store


def run_ray(work: PendingTrials, store: Store, progress: ProgressCallback, stop: StopRequest, address: str) -> None:
    """Run the open trials. address: of a cluster; empty: Ray is started on this machine."""
    run_on_ray(f"{__name__}:run_trials", (work, store, not address), progress, stop, address)


def run_trials(
    ray: Any, progress: ProgressCallback, stop: StopRequest, work: PendingTrials, store: Store, local: bool
) -> None:
    """Run the open trials on Ray. local: it was started on this machine."""
    with NodeCheck(ray, store.trials, work.trials, local) as inspection:
        pool = WorkerPool(ray, inspection, dict(work.peaks), progress.message, str(store.root.resolve()))
        pool.gather()
        pool.check(work.trials)
        try:
            for number, wave in enumerate(work.waves):
                last = number == len(work.waves) - 1
                WaveScheduler(ray, pool, work, store, progress, stop, deque(pool.side_by_side(wave)), last).run()
        finally:
            for worker in list(pool.workers):
                pool.dismiss(worker)


LAUNCHER = Launcher(run_ray, cluster=True)
