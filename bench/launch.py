"""Carries out the trials of a plan, wave by wave: one after the other, or side by side through Ray on this machine.

What is done is what the store holds; a launcher remembers nothing. Processes that run the same trials share them: each
works at those that it can claim. torch and ray are imported when trials run.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bench import paths
from bench.core import BenchError, Trial
from bench.plan import Cell, waves
from bench.registry import did_you_mean
from bench.store import Store

LAUNCHERS = ("auto", "serial", "ray")
GPU_SHARE = 0.25  # of a GPU for each trial: the networks under test are small
LOSSES = 1  # workers that a trial may lose before that counts as its own fault
PAUSE = 0.5  # seconds between two looks at trials that other processes are at


class Watch(Protocol):
    """Who is told how a run goes."""

    def began(self, trial: Trial) -> None: ...

    def moved(self, trial: Trial, fraction: float) -> None: ...

    def elsewhere(self, trial: Trial) -> None: ...

    def lost(self, trial: Trial) -> None: ...

    def ended(self, trial: Trial, status: str, notes: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class Outdated:
    """A record that makes way for another."""

    mark: str  # of the record, as it was found
    why: str  # replaced, damaged


@dataclass(frozen=True)
class Work:
    """What a plan leaves to do: the waves of trials still without a record that counts, and whose weights are kept."""

    waves: list[list[Trial]]
    keep: frozenset[str]
    outdated: Mapping[str, Outdated] = field(default_factory=dict)
    damaged: Sequence[str] = ()  # what is damaged, in words

    @property
    def trials(self) -> list[Trial]:
        return [trial for wave in self.waves for trial in wave]


def outstanding(
    planned: Sequence[Cell], store: Store, keep_all: bool = False, retry: bool = False, plan: Sequence[Cell] = ()
) -> Work:
    """What is not done yet. retry: failed trials too. Records that lack weights somebody needs count as not done,
    and so do damaged ones.

    plan: all cells of the study where `planned` are some of them, so that teachers keep their weights for later.
    """
    needed = {trial.key for cell in (*planned, *plan) for trial in cell.before}
    outdated: dict[str, Outdated] = {}
    damaged: list[str] = []
    levels: list[list[Trial]] = []
    for wave in waves(planned):
        level = []
        for trial in wave:
            why, words = _why_open(trial.key, store, needed, retry)
            level += [trial] if why else []
            damaged += [words] if words else []
            if why and why != "missing":
                outdated[trial.key] = Outdated(store.mark(trial.key), why)
        levels.append(level)
    keep = {cell.trial.key for cell in planned} if keep_all else needed
    return Work([level for level in levels if level], frozenset(keep | needed), outdated, damaged)


def _why_open(key: str, store: Store, needed: set[str], retry: bool) -> tuple[str, str]:
    """Why a trial is to be run (missing, damaged, replaced), or nothing; and what is damaged, in words."""
    if not store.has(key):
        return "missing", ""
    record = store.whole(key, weights=key in needed)
    if record is None:
        return "damaged", store.damaged[key]
    lacking = record.status == "done" and key in needed and store.weights(key) is None
    again = lacking or (record.status == "failed" and retry)
    return ("replaced" if again else ""), ""


def launch(work: Work, store: Store, launcher: str, watch: Watch) -> None:
    """Run what is outstanding. launcher: one of LAUNCHERS; `auto` is Ray where there are processors and trials for it.

    Trials whose upstream trial failed become failed records themselves.
    """
    if launcher not in LAUNCHERS:
        raise BenchError(f"no launcher {launcher!r}; {did_you_mean(launcher, LAUNCHERS)}")
    if launcher == "auto":
        launcher = "ray" if (os.cpu_count() or 1) > 1 and len(work.trials) > 12 else "serial"
    store.open()
    if work.trials:
        (_serial if launcher == "serial" else _ray)(work, store, watch)


def attempt(
    trial: Trial, store: Store, keep: bool, outdated: Outdated | None, progress: Callable[[float], None]
) -> tuple[str, list[str]] | None:
    """Run a trial, unless another process has done it meanwhile; None while another one is at it.

    Returns its status, and what there is to say of it.
    """
    from bench import runner

    held = store.claim(trial.key)
    if held is None:
        return None
    with held:
        record = store.get(trial.key)
        stands = record is not None and (outdated is None or store.mark(trial.key) != outdated.mark)
        if stands and not (keep and record.status == "done" and store.weights(trial.key) is None):
            return record.status, []
        if store.has(trial.key):
            store.set_aside(trial.key, "replaced" if stands else outdated.why if outdated else "damaged")
        record = runner.run(trial, store, keep, progress, held.mark)
    return record.status, list(record.provenance["notes"])


def _serial(work: Work, store: Store, watch: Watch) -> None:
    for wave in work.waves:
        waiting = deque(wave)
        passed = 0  # trials in a row that other processes are at
        while waiting:
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


def _ray(work: Work, store: Store, watch: Watch) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing phones home
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # a trial in this process is not niced either
    ending = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
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
    if threading.current_thread() is threading.main_thread():
        for number, handler in ending.items():  # ray has put its own there
            signal.signal(number, handler)
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
    root, losses = str(store.root.resolve()), Counter()
    waiting, running = deque(wave), {}
    while waiting or running:
        while len(running) < slots and (trial := _free(waiting, store, watch)):
            how = remote.options(
                num_cpus=min(trial.recipe.threads, there["CPU"]),
                num_gpus=gpus,
                runtime_env={"env_vars": _environment()},
            )
            running[how.remote(trial, root, trial.key in work.keep, work.outdated.get(trial.key))] = trial
            watch.began(trial)
        if not running:
            time.sleep(PAUSE)
            continue
        for reference in ray.wait(list(running), num_returns=1, timeout=1.0)[0]:
            trial = running.pop(reference)
            before, outcome = losses[trial.key], _outcome(ray, reference, trial, store, losses)
            if outcome is None:
                waiting.append(trial)
                (watch.elsewhere if losses[trial.key] == before else watch.lost)(trial)
            else:
                watch.ended(trial, *outcome)


def _free(waiting: deque[Trial], store: Store, watch: Watch) -> Trial | None:
    """The next trial that no other process is at, taken from `waiting`; None where there is none now."""
    for _ in range(len(waiting)):
        trial = waiting.popleft()
        held = store.claim(trial.key)
        if held is not None:
            held.release()
            return trial
        waiting.append(trial)
        watch.elsewhere(trial)
    return None


def _outcome(ray: Any, reference: Any, trial: Trial, store: Store, losses: Counter) -> tuple[str, list[str]] | None:
    """What came of a trial; None where it is to be tried again: another process is at it, or its worker was lost once.

    A worker that dies again (out of memory, killed) leaves a failed record.
    """
    from bench.runner import failed

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, BenchError) else error from error
    except ray.exceptions.RayError as error:
        losses[trial.key] += 1
        held = store.claim(trial.key) if losses[trial.key] > LOSSES else None
        if held is None:  # once more, or another process is at it
            return None
        with held:
            store.put(failed(trial, error), mark=held.mark)
        return "failed", []


def _worker(trial: Trial, root: str, keep: bool, outdated: Outdated | None) -> tuple[str, list[str]] | None:
    return attempt(trial, Store(Path(root)), keep, outdated, lambda fraction: None)


def _environment() -> dict[str, str]:
    """What a worker needs to find the same data and files, whatever its working folder."""
    folders = os.pathsep.join(str(folder.resolve()) for folder in paths.plugin_folders())
    found = {"BENCH_DATA": str(paths.data_root().resolve()), "OMP_NUM_THREADS": "1"}
    return {**found, "BENCH_PLUGINS": folders} if folders else found
