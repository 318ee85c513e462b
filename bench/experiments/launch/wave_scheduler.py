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
PAUSE = 0.5  # seconds between two looks at trials that other processes are at
PROGRESS_EVERY = 2.0  # seconds between two looks at how far the trials are
LATE = 20.0  # seconds after which a process that has not begun is told of
SETTLING = 6.0  # seconds until a node that went away is surely seen as such


@dataclass
class _Run:
    """A trial in flight, or its measuring."""

    trial: Trial
    worker: WorkerHandle
    measuring: bool = False
    held: Lock | None = None  # where its record is sent back, its claim is held here
    tell: Any = None


@dataclass
class WaveScheduler:
    """Trials that do not wait for each other."""

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
    looked: float = 0.0
    full: bool = False  # no room was found for the last trial
    measured: bool = False  # nothing is left to measure before trials take the GPUs
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
                if run.held is not None:
                    run.held.release()

    def _fill(self) -> None:
        """Give trials to all who have room for one."""
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
        """For what all trials wait that others have, in words, and the key of one of them; empty where some run.

        A process that Ray has not begun is given up where an end was asked for: it may never begin.
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
            self.pool.check([trial])  # of the nodes some may have gone, and a peak have become known
            return self.pool.lack(trial, self.pool.unmeasured(trial)), trial.key
        late = [run for run in absent.values() if time.monotonic() - run.worker.begun > LATE]
        if not late or len(late) < len(self.running):
            return "", ""
        names = ", ".join(sorted({run.worker.node.name for run in late}))
        words = (
            f"waiting for room: no process has begun on {names} for {LATE:g} seconds; others may have taken its room"
        )
        return words, late[0].trial.key

    def _measure(self) -> bool:
        """Whether kinds of trials that nobody has measured are still being so, each alone on a GPU.

        They come before all trials: between them, each would wait until every trial has left a GPU.
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
        """Whether the trial, or its measuring, was begun, or is done already."""
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
        held = self.store.claim(trial.key)
        if held is None:
            self.pool.release(worker)
            self.watch.deferred(trial)
            return False
        self._send(trial, worker, held)
        return True

    def _send(self, trial: Trial, worker: WorkerHandle, held: Lock) -> None:
        keep, outdated = trial.key in self.work.keep, self.work.outdated.get(trial.key)
        run = _Run(trial, worker)
        if worker.node.shared:
            held.release()  # whoever runs it claims it
        else:
            outcome = resolve_existing(trial, self.store, keep, outdated)
            if outcome is not None:
                held.release()
                self.pool.release(worker)
                self.watch.ended(trial, *outcome)
                return
            run.held, run.tell = held, note_progress(held, lambda fraction: None, worker.node.name)
        teachers = [] if worker.node.shared else [self._teacher(key) for key in trial.upstream]
        self.running[worker.actor.call.remote("carry_out", trial, keep, outdated, *teachers)] = run
        self.watch.began(trial)

    def _teacher(self, key: str) -> Any:
        if key not in self.teachers:
            self.teachers[key] = self.ray.put((key, code_archive.packed(self.store.folder(key))))
        return self.teachers[key]

    def _ended(self, reference: Any, run: _Run) -> None:
        try:
            came = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, BenchError) else error from error
        except self.ray.exceptions.RayError as error:
            self._lost(run, error)
            return
        self.pool.release(run.worker)
        if run.measuring:
            self._measured(run, *came)
        else:
            self._done(run, *came)

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
        if run.held is not None:
            with run.held:
                try:
                    store.receive(trial.key, files, run.held.mark)
                except DamagedRecordError as error:
                    raise RunAbortedError(
                        f"a record came back damaged from node {run.worker.node.name}: {error}"
                    ) from error
            run.worker.actor.call.remote("forget", trial.key)
        record = store.get(trial.key)
        if record is not None:
            self._know(record)
        worker_progress.clear(trial.key)
        self.watch.ended(trial, *outcome)

    def _know(self, record: Record) -> None:
        """Take over what a trial has needed; a guess makes way for the first that was measured."""
        kind = record.resolved.get("device", ""), memory_kind(record.trial)
        if kind in self.guessed and record.cost.get("peak_memory_mb") is not None:
            self.guessed.remove(kind)
            del self.pool.peaks[kind]
        note_peak(self.pool.peaks, record)

    def _lost(self, run: _Run, error: Exception) -> None:
        """A process is gone. The trial runs again; where it has lost several, and no node went away, it has failed."""
        from bench.experiments.run_trial import failed

        trial, node = run.trial, run.worker.node
        self.pool.dismiss(run.worker)
        if getattr(error, "actor_init_failed", False):
            raise RunAbortedError(
                f"node {node.name} cannot run trials: {' '.join(str(error).split())[-600:]}"
            ) from error
        if self._still_there(node, trial):
            self.losses[trial.key] += 1
        if run.held is not None:
            run.held.release()
        held = self.store.claim(trial.key) if self.losses[trial.key] > LOSSES else None
        if held is None:  # once more, or another process is at it
            self._again(run)
            self.watch.lost(trial)
            return
        with held:
            record = failed(trial, error)
            self.store.put(record, mark=held.mark)
        self.watch.ended(trial, *outcome_of(record))

    def _still_there(self, node: Any, trial: Trial) -> bool:
        """Whether a node outlived its process. It takes a moment until a node is known to be gone."""
        until = time.monotonic() + (0.0 if self.pool.here or not self.losses[trial.key] else SETTLING)
        while True:
            self.pool.refresh(at_once=True)
            if not self.pool.alive(node) or time.monotonic() >= until:
                return self.pool.alive(node)
            time.sleep(PAUSE)

    def _again(self, run: _Run) -> None:
        if run.held is not None:
            run.held.release()
        self.waiting.append(run.trial)

    def _follow(self) -> None:
        """See how far the trials in flight are."""
        if time.monotonic() - self.looked < PROGRESS_EVERY:
            return
        from bench.experiments.launch import worker_progress

        self.looked = time.monotonic()
        for run in self.running.values():
            fraction = None if run.measuring else worker_progress.read(run.trial.key)
            if fraction is not None:
                self.watch.moved(run.trial, fraction)
                if run.tell is not None:
                    run.tell(fraction)
