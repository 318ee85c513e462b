"""Schedules the trials of a wave on the workers of Ray: which trial on which node, its result, and lost workers."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from bench.core import BenchError, Record, RunAbortedError, Trial
from bench.experiments.launch import code_archive
from bench.experiments.launch.cluster_wait import CapacityWait
from bench.experiments.launch.jobs import PendingTrials, ProgressCallback, memory_kind, note_peak
from bench.experiments.launch.locked_trial import TrialOutcome, note_progress, outcome_of, resolve_existing
from bench.experiments.launch.signals import StopRequest
from bench.experiments.launch.worker_pool import WorkerHandle, WorkerPool
from bench.storage.locks import Lock
from bench.storage.record_store import DamagedRecordError, Store

LOSSES = 1  # workers that a trial may lose before that counts as its own fault; nodes that went away do not count
PAUSE = 0.5  # seconds between two polls of trials that other processes run
PROGRESS_EVERY = 2.0  # seconds between two polls of the progress of trials
POLLED = 200  # trials in one poll, in turns: each takes a question to the store of Ray
LATE = 20.0  # seconds after which a process that has not started is reported
SETTLING = 6.0  # seconds until Ray has surely noticed a lost node


@dataclass
class _Run:
    """A running trial, or the measurement of its peak memory."""

    trial: Trial
    worker: WorkerHandle
    measuring: bool = False
    lock: Lock | None = None  # of a trial whose record is sent back to this process
    note: Any = None


@dataclass
class WaveScheduler:
    """Runs the trials of one wave: none of them needs another."""

    ray: Any
    pool: WorkerPool
    work: PendingTrials
    store: Store
    watch: ProgressCallback
    stop: StopRequest
    waiting: deque[Trial]
    last: bool
    running: dict[Any, _Run] = field(default_factory=dict)
    losses: Counter = field(default_factory=Counter)
    teachers: dict[str, Any] = field(default_factory=dict)
    polled: float = 0.0
    turn: int = 0  # place among the running trials from which the next poll begins
    full: bool = False  # no node had the resources for the last trial
    measured: bool = False  # all kinds are measured, trials may use the GPUs
    guessed: set[tuple[str, str]] = field(default_factory=set)  # (device, kind) whose peak is a guess

    def run(self) -> None:
        waiting = CapacityWait(self.store, self.watch.message)
        try:
            while (self.waiting and not self.stop.requested) or self.running:
                self.pool.refresh()
                if self.measured or not self._measure():
                    self._fill()
                waiting.now(*self._waits())
                if not self.running:
                    time.sleep(PAUSE)
                    continue
                for reference in self.ray.wait(list(self.running), num_returns=1, timeout=1.0)[0]:
                    self._ended(reference, self.running.pop(reference))
                self._follow()
        finally:
            waiting.over()
            for run in self.running.values():
                if run.lock is not None:
                    run.lock.release()

    def _fill(self) -> None:
        """Start trials on all nodes with free resources."""
        for _ in range(len(self.waiting)):
            if self.stop.requested:
                return
            trial = self.waiting.popleft()
            if not self._begin(trial):
                self.waiting.append(trial)
                if self.full:
                    self.waiting.rotate(1)
                    return
        if self.last and not self.waiting:
            for worker in self.pool.idle():
                self.pool.dismiss(worker)

    def _waits(self) -> tuple[str, str]:
        """The resources that all trials wait for, in words, and the key of one of them; empty while some run.

        After a request to stop, workers that Ray has not started are dismissed: they may never start.
        """
        absent = {reference: run for reference, run in self.running.items() if self.pool.absent(run.worker)}
        if self.stop.requested:
            for reference, run in absent.items():
                del self.running[reference]
                self.pool.dismiss(run.worker)
                self._again(run)
            return "", ""
        if not self.running and self.waiting and self.full:
            trial = self.waiting[0]
            self.pool.check([trial])  # nodes may have left, and a peak may be known now
            return self.pool.lack(trial, self.pool.unmeasured(trial)), trial.key
        late = [run for run in absent.values() if time.monotonic() - run.worker.begun > LATE]
        if not late or len(late) < len(self.running):
            return "", ""
        names = ", ".join(sorted({run.worker.node.name for run in late}))
        words = (
            f"waiting for room: no process has started on {names} for {LATE:g} seconds; others may use its resources"
        )
        return words, late[0].trial.key

    def _measure(self) -> bool:
        """Measure the kinds of trials with unknown peak memory, each alone on a GPU; True while that goes on.

        This comes before all trials: a later measurement would wait until every trial has left a GPU.
        """
        for trial in {memory_kind(trial): trial for trial in self.waiting if self.pool.unmeasured(trial)}.values():
            if self.stop.requested:
                break
            if self._begin(trial):
                self.waiting.remove(trial)
            elif self.full:
                break
        self.measured = not any(run.measuring for run in self.running.values())
        return not self.measured

    def _begin(self, trial: Trial) -> bool:
        """Start the trial or its measurement; True if it was started or is finished already."""
        self.full = False
        measuring = self.pool.unmeasured(trial)
        if measuring and any(
            run.measuring and memory_kind(run.trial) == memory_kind(trial) for run in self.running.values()
        ):
            return False
        worker = self.pool.place(trial, measuring)
        if worker is None:
            self.full = True
            return False
        if measuring:
            self.running[worker.actor.call.remote("measure_peak", trial)] = _Run(trial, worker, True)
            return True
        lock = self.store.claim(trial.key)
        if lock is None:
            self.pool.release(worker)
            self.watch.deferred(trial)
            return False
        self._send(trial, worker, lock)
        return True

    def _send(self, trial: Trial, worker: WorkerHandle, lock: Lock) -> None:
        keep, outdated = trial.key in self.work.keep, self.work.outdated.get(trial.key)
        run = _Run(trial, worker)
        if worker.node.shared:
            lock.release()  # the worker takes it
        else:
            outcome = resolve_existing(trial, self.store, keep, outdated)
            if outcome is not None:
                lock.release()
                self.pool.release(worker)
                self.watch.ended(trial, *outcome)
                return
            run.lock, run.note = lock, note_progress(lock, lambda fraction: None, worker.node.name)
        teachers = [] if worker.node.shared else [self._teacher(key) for key in trial.upstream]
        self.running[worker.actor.call.remote("carry_out", trial, keep, outdated, *teachers)] = run
        self.watch.began(trial)

    def _teacher(self, key: str) -> Any:
        if key not in self.teachers:
            self.teachers[key] = self.ray.put((key, code_archive.pack_folder(self.store.folder(key))))
        return self.teachers[key]

    def _ended(self, reference: Any, run: _Run) -> None:
        try:
            result = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, BenchError) else error from error
        except self.ray.exceptions.RayError as error:
            self._lost(run, error)
            return
        self.pool.release(run.worker)
        if run.measuring:
            self._measured(run, *result)
        else:
            self._done(run, *result)

    def _measured(self, run: _Run, device: str, peak: float | None) -> None:
        node, kind = run.worker.node, memory_kind(run.trial)
        fallback = node.gpu_mb / 4 / 1.5 if node.gpu_mb else 0.0  # about a quarter of a GPU
        self.pool.peaks[node.device, kind] = fallback if peak is None else peak
        self.guessed |= {(node.device, kind)} if peak is None else set()
        self.waiting.appendleft(run.trial)
        self.pool.check([run.trial])

    def _done(self, run: _Run, outcome: TrialOutcome | None, files: dict[str, bytes]) -> None:
        from bench.experiments.launch import worker_progress

        trial, store = run.trial, self.store
        if outcome is None:
            self._again(run)
            self.watch.deferred(trial)
            return
        if run.lock is not None:
            with run.lock:
                try:
                    store.receive(trial.key, files, run.lock.mark)
                except DamagedRecordError as error:
                    raise RunAbortedError(
                        f"the record from node {run.worker.node.name} arrived damaged: {error}; run the command again"
                    ) from error
            run.worker.actor.call.remote("delete_record", trial.key)
        record = store.get(trial.key)
        if record is not None:
            self._update_peaks(record)
        worker_progress.clear(trial.key)
        self.watch.ended(trial, *outcome)

    def _update_peaks(self, record: Record) -> None:
        """Update the peak memory of a kind of trials; the first measured value replaces a guess."""
        kind = record.resolved.get("device", ""), memory_kind(record.trial)
        if kind in self.guessed and record.cost.get("peak_memory_mb") is not None:
            self.guessed.remove(kind)
            del self.pool.peaks[kind]
        note_peak(self.pool.peaks, record)

    def _lost(self, run: _Run, error: Exception) -> None:
        """Handle a lost worker: the trial runs again, or has failed if it lost several workers on nodes that stayed."""
        from bench.experiments.failed_record import failed

        trial, node = run.trial, run.worker.node
        self.pool.dismiss(run.worker)
        if getattr(error, "actor_init_failed", False):
            raise RunAbortedError(
                f"node {node.name} cannot run trials: {' '.join(str(error).split())[-600:]}"
            ) from error
        if self._node_is_alive(node, trial):
            self.losses[trial.key] += 1
        if run.lock is not None:
            run.lock.release()
        lock = self.store.claim(trial.key) if self.losses[trial.key] > LOSSES else None
        if lock is None:  # a retry, or another process runs it
            self._again(run)
            self.watch.lost(trial)
            return
        with lock:
            record = failed(trial, error)
            self.store.put(record, mark=lock.mark)
        self.watch.ended(trial, *outcome_of(record))

    def _node_is_alive(self, node: Any, trial: Trial) -> bool:
        """True if a node outlived its process. Ray notices a lost node with a delay."""
        until = time.monotonic() + (0.0 if self.pool.local or not self.losses[trial.key] else SETTLING)
        while True:
            self.pool.refresh(at_once=True)
            if not self.pool.alive(node) or time.monotonic() >= until:
                return self.pool.alive(node)
            time.sleep(PAUSE)

    def _again(self, run: _Run) -> None:
        if run.lock is not None:
            run.lock.release()
        self.waiting.append(run.trial)

    def _follow(self) -> None:
        """Report the progress of the running trials."""
        if time.monotonic() - self.polled < PROGRESS_EVERY:
            return
        from bench.experiments.launch import worker_progress

        self.polled = time.monotonic()
        runs = list(self.running.values())
        start = self.turn % max(1, len(runs))
        self.turn = start + POLLED
        for run in (runs[start:] + runs[:start])[:POLLED]:
            fraction = None if run.measuring else worker_progress.read(run.trial.key)
            if fraction is not None:
                run.worker.warm = True
                self.watch.moved(run.trial, fraction)
                if run.note is not None:
                    run.note(fraction)
