"""Carries out the trials of a plan, wave by wave: one after the other, or side by side through Ray on this machine.

What is done is what the store holds; a launcher remembers nothing. torch and ray are imported when trials run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench import paths
from bench.core import BenchError, Trial
from bench.plan import Cell, upstream_of, waves
from bench.registry import did_you_mean
from bench.store import Store

LAUNCHERS = ("auto", "serial", "ray")
GPU_SHARE = 0.25  # of a GPU for each trial: the networks under test are small


class Watch(Protocol):
    """Who is told how a run goes."""

    def began(self, trial: Trial) -> None: ...

    def moved(self, trial: Trial, fraction: float) -> None: ...

    def ended(self, trial: Trial, status: str) -> None: ...


@dataclass(frozen=True)
class Work:
    """What a plan leaves to do: the waves of trials still without a record, and whose weights are kept."""

    waves: list[list[Trial]]
    keep: frozenset[str]

    @property
    def trials(self) -> list[Trial]:
        return [trial for wave in self.waves for trial in wave]


def outstanding(
    planned: Sequence[Cell], store: Store, keep_all: bool = False, retry: bool = False, plan: Sequence[Cell] = ()
) -> Work:
    """What is not done yet. retry: failed trials too. Records that lack weights somebody needs count as not done.

    plan: all cells of the study where `planned` are some of them, so that teachers keep their weights for later.
    """
    needed = {trial.key for cell in (*planned, *plan) for trial in upstream_of(cell.trial)}
    levels = [[trial for trial in wave if _is_open(trial.key, store, needed, retry)] for wave in waves(planned)]
    keep = {cell.trial.key for cell in planned} if keep_all else needed
    return Work([level for level in levels if level], frozenset(keep | needed))


def _is_open(key: str, store: Store, needed: set[str], retry: bool) -> bool:
    if not store.has(key):
        return True
    if not retry and (key not in needed or store.weights(key)):
        return False
    status = store.get(key).status
    return (status == "failed" and retry) or (status == "done" and key in needed and store.weights(key) is None)


def launch(work: Work, store: Store, launcher: str, watch: Watch) -> None:
    """Run what is outstanding. launcher: one of LAUNCHERS; `auto` is Ray where there are processors and trials for it.

    Trials whose upstream trial failed become failed records themselves.
    """
    if launcher not in LAUNCHERS:
        raise BenchError(f"no launcher {launcher!r}; {did_you_mean(launcher, LAUNCHERS)}")
    if launcher == "auto":
        launcher = "ray" if (os.cpu_count() or 1) > 1 and len(work.trials) > 12 else "serial"
    if not work.trials:
        return
    for trial in work.trials:  # records that are to be replaced: failed ones, and those without needed weights
        if store.has(trial.key):
            store.set_aside(trial.key, "replaced")
    (_serial if launcher == "serial" else _ray)(work, store, watch)


def _serial(work: Work, store: Store, watch: Watch) -> None:
    from bench import runner

    for trial in work.trials:
        watch.began(trial)
        record = runner.run(
            trial, store, trial.key in work.keep, lambda fraction, trial=trial: watch.moved(trial, fraction)
        )
        watch.ended(trial, record.status)


def _ray(work: Work, store: Store, watch: Watch) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing phones home
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # a trial in this process is not niced either
    import ray

    ours = not ray.is_initialized()
    if ours:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            _node_ip_address="127.0.0.1",
        )
    try:
        remote = ray.remote(max_retries=0)(_worker)
        for wave in work.waves:
            _wave(ray, remote, wave, work, store, watch)
    finally:
        if ours:
            ray.shutdown()


def _wave(ray: Any, remote: Any, wave: list[Trial], work: Work, store: Store, watch: Watch) -> None:
    there = ray.cluster_resources()
    gpus = GPU_SHARE if there.get("GPU") else 0
    slots = max(1, int(min(there["CPU"] / wave[0].recipe.threads, there["GPU"] / gpus if gpus else math.inf)))
    waiting, running = list(reversed(wave)), {}
    while waiting or running:
        while waiting and len(running) < slots:  # no more than can run, so that a trial begins when it is handed over
            trial = waiting.pop()
            how = remote.options(
                num_cpus=min(trial.recipe.threads, there["CPU"]),
                num_gpus=gpus,
                runtime_env={"env_vars": _environment()},
            )
            running[how.remote(trial, str(store.root.resolve()), trial.key in work.keep)] = trial
            watch.began(trial)
        done, _ = ray.wait(list(running), num_returns=1, timeout=1.0)
        for reference in done:
            trial = running.pop(reference)
            watch.ended(trial, _outcome(ray, reference, trial, store))


def _outcome(ray: Any, reference: Any, trial: Trial, store: Store) -> str:
    """The status of a trial; a worker that died (out of memory, killed) leaves a failed record."""
    from bench.runner import failed

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, BenchError) else error from error
    except ray.exceptions.RayError as error:
        store.put(failed(trial, error))
        return "failed"


def _worker(trial: Trial, root: str, keep: bool) -> str:
    from pathlib import Path

    from bench import runner

    return runner.run(trial, Store(Path(root)), keep).status


def _environment() -> dict[str, str]:
    """What a worker needs to find the same data and files, whatever its working folder."""
    folders = os.pathsep.join(str(folder.resolve()) for folder in paths.plugin_folders())
    found = {"BENCH_DATA": str(paths.data_root().resolve()), "OMP_NUM_THREADS": "1"}
    return {**found, "BENCH_PLUGINS": folders} if folders else found
