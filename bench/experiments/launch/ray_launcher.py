"""Runs trials in parallel through Ray: on this machine, or on the nodes of a cluster."""

from __future__ import annotations

from collections import deque

from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.launch.launchers import Launcher
from bench.experiments.launch.nodes import NodeCheck
from bench.experiments.launch.ray_session import connected
from bench.experiments.launch.signals import StopRequest
from bench.experiments.launch.wave_scheduler import WaveScheduler
from bench.experiments.launch.worker_pool import WorkerPool
from bench.storage.record_store import Store


def run_ray(work: PendingTrials, store: Store, progress: ProgressCallback, stop: StopRequest, address: str) -> None:
    """Run the open trials. address: of a cluster; empty: Ray is started on this machine."""
    with connected(address) as ray:
        local = not address
        with NodeCheck(ray, store.trials, work.trials, local) as inspection:
            pool = WorkerPool(ray, inspection, dict(work.peaks), progress.message, str(store.root.resolve()))
            pool.gather()
            pool.check(work.trials)
            try:
                for number, wave in enumerate(work.waves):
                    last = number == len(work.waves) - 1
                    WaveScheduler(ray, pool, work, store, progress, stop, deque(wave), last).run()
            finally:
                for worker in list(pool.workers):
                    pool.dismiss(worker)


LAUNCHER = Launcher(run_ray, cluster=True)
