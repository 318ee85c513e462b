"""Trials that share a GPU: each kind is measured before trials take it, and a guess makes way for a measured peak."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest
from killable_studies import Quiet

from bench.experiments import run_trial
from bench.experiments.launch import wave_scheduler, worker_pool, worker_progress
from bench.experiments.launch.jobs import PendingTrials, memory_kind
from bench.experiments.launch.nodes import Node
from bench.experiments.launch.resources import ResourceRequest
from bench.experiments.launch.signals import StopRequest
from bench.experiments.launch.wave_scheduler import WaveScheduler
from bench.experiments.launch.worker_pool import WorkerHandle, WorkerPool
from bench.storage.record_store import Store

PEAK = 900.0  # megabytes that a trial needs
WHOLE = 20_000.0  # megabytes of the GPU


class Ray:
    """In the place of Ray: a call is carried out when it is waited for; what is called is written down in order."""

    def __init__(self, store, known):
        self.store, self.known, self.called, self.workers = store, known, [], []
        self.exceptions = SimpleNamespace(RayTaskError=LookupError, RayError=OSError)

    def call(self, name, trial=None, *_):
        self.called.append((name, trial))
        return len(self.called) - 1

    def wait(self, references, num_returns, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        name, trial = self.called[reference]
        if name == "measure_peak":
            return "cuda", (PEAK if self.known else None)
        return (run_trial.run(trial, self.store).status, []), {}

    def kill(self, actor):
        pass


@pytest.fixture
def wave(cells, tmp_path, monkeypatch):
    """A wave of all trials without teachers on one node with a GPU; known: needs are measured in two steps."""
    monkeypatch.setattr(worker_progress, "clear", lambda key: None)
    monkeypatch.setattr(worker_progress, "read", lambda key: None)

    def made(known, arms):
        store = Store(tmp_path / f"r-{known}")
        store.open()
        some = {cell.trial.key: cell.trial for cell in cells if cell.arm in arms}.values()
        trials = [replace(trial, seed=seed) for trial in some for seed in range(3)]
        monkeypatch.setattr(store, "get", lambda key: on_a_gpu(Store.get(store, key)))
        node = Node("id", "one", {"CPU": 2.0, "GPU": 1.0}, local=True, device="cuda", gpu_mb=WHOLE)
        ray = Ray(store, known)
        pool = WorkerPool.__new__(WorkerPool)
        vars(pool).update(ray=ray, peaks={}, local=True, nodes={"id": node}, workers=[], message=print)
        pool._begin = lambda node, wanted: add_worker(pool, ray, node, wanted)
        return WaveScheduler(
            ray, pool, PendingTrials([trials], frozenset()), store, Quiet(), StopRequest(), deque(trials), True
        ), trials

    return made


def on_a_gpu(record):
    """The record, had the trial run on a GPU."""
    cost, resolved = {**record.cost, "peak_memory_mb": PEAK}, {**record.resolved, "device": "cuda"}
    return replace(record, cost=cost, resolved=resolved)


def add_worker(pool, ray, node, wanted):
    """Add a worker to the pool as WorkerPool does, without a process."""
    node.take(wanted.resources)
    pool.workers.append(WorkerHandle(SimpleNamespace(call=SimpleNamespace(remote=ray.call)), node, wanted))
    ray.workers.append(wanted)
    return pool.workers[-1]


def test_every_kind_is_measured_once_before_any_trial_takes_the_gpu(wave):
    wave, trials = wave(True, ("constant", "net"))
    wave.run()
    called = [name for name, _ in wave.ray.called if name != "delete_record"]
    kinds = {memory_kind(trial) for trial in trials}
    assert len(kinds) > 1
    assert called == ["measure_peak"] * len(kinds) + ["carry_out"] * len(trials)
    assert {memory_kind(trial) for name, trial in wave.ray.called if name == "measure_peak"} == kinds
    assert set(wave.watch.statuses.values()) == {"done"}


def test_what_could_not_be_measured_has_a_quarter_until_the_first_trial_has_ended(wave):
    wave, trials = wave(False, ("net",))
    wave.run()
    shares = {round(worker.gpu, 2) for worker in wave.ray.workers}
    assert shares == {1.0, 0.25, 0.08}  # measured; a guess; as many as it holds of what they need
    assert wave.pool.peaks == {("cuda", memory_kind(trial)): PEAK for trial in trials}


def test_a_process_that_does_not_start_is_reported_and_abandoned_at_the_first_signal(wave, monkeypatch):
    monkeypatch.setattr(worker_pool, "LOADING", 0.0)
    wave, trials = wave(True, ("net",))
    wave.pool.peaks["cuda", memory_kind(trials[0])] = PEAK
    wave._fill()
    assert len(wave.running) == 2
    monkeypatch.setattr(WorkerPool, "absent", lambda self, worker: True)
    assert wave._waits() == ("", "")
    monkeypatch.setattr(wave_scheduler, "LATE", 0.0)
    assert wave._waits()[0].startswith("waiting for room: no process has started on one for 0 seconds")
    wave.stop.requested = True
    assert wave._waits() == ("", "")
    assert (wave.running, wave.pool.workers, len(wave.waiting)) == ({}, [], len(trials))


def test_the_next_process_of_a_gpu_starts_when_the_last_one_has_loaded_its_kernels(wave, monkeypatch):
    wave, trials = wave(True, ("net",))
    pool, node = wave.pool, wave.pool.nodes["id"]
    pool.peaks["cuda", memory_kind(trials[0])] = PEAK
    node.free["CPU"] = 4.0
    first = pool.place(trials[0])
    assert pool.place(trials[1]) is None
    monkeypatch.setattr(worker_progress, "read", lambda key: 0.25)
    wave.running["call"] = wave_scheduler._Run(trials[0], first)
    wave._follow()  # it has come to an evaluation point
    second = pool.place(trials[1])
    assert second not in (None, first)
    assert pool.place(trials[2]) is None
    monkeypatch.setattr(worker_pool, "LOADING", 0.0)  # or its time is over, however slow it is
    assert pool.place(trials[2]) not in (None, first, second)


def test_processes_without_a_gpu_start_at_once(wave):
    wave, trials = wave(True, ("net",))
    node = wave.pool.nodes["id"]
    del node.total["GPU"]
    assert None not in [wave.pool.place(trial) for trial in trials[:2]]


@pytest.mark.parametrize(("share", "reused"), [(0.0833, True), (0.1, True), (0.2, False), (0.05, False)])
def test_a_process_with_a_little_more_than_a_trial_needs_is_reused(wave, share, reused):
    wave, trials = wave(True, ("net",))
    pool, node = wave.pool, wave.pool.nodes["id"]
    pool.peaks["cuda", memory_kind(trials[0])] = PEAK  # a twelfth of the GPU
    worker = add_worker(pool, wave.ray, node, ResourceRequest(1, share))
    pool.release(worker)
    assert (pool.place(trials[0]) is worker) is reused


def test_seeds_and_folds_of_a_kind_run_side_by_side_where_there_is_a_gpu(wave):
    wave, trials = wave(True, ("constant", "net"))
    mixed = [trial for number in range(3) for trial in trials[number::3]]
    kinds = [memory_kind(trial) for trial in wave.pool.side_by_side(mixed)]
    assert len(set(kinds)) == 1 + sum(one != two for one, two in pairwise(kinds))
    assert sorted(map(str, mixed)) == sorted(map(str, wave.pool.side_by_side(mixed)))
    del wave.pool.nodes["id"].total["GPU"]
    assert wave.pool.side_by_side(mixed) == mixed


@pytest.mark.parametrize(("local", "memory", "reused"), [(True, 8, True), (False, 8, False), (True, 3, False)])
def test_a_process_of_this_machine_goes_on_with_another_amount_of_memory_while_there_is_room(
    wave, local, memory, reused
):
    wave, trials = wave(True, ("net",))
    pool, node = wave.pool, wave.pool.nodes["id"]
    node.local, node.device, node.memory_mb = local, "cpu", 16_000.0
    node.total, node.free = {"CPU": 2.0, "memory": memory * 2.0**30}, {"CPU": 2.0, "memory": memory * 2.0**30}
    pool.peaks["cpu", memory_kind(trials[0])] = 3000.0  # four gigabytes are asked for, or all there is
    other = add_worker(pool, wave.ray, node, ResourceRequest(1, 0.0, 2**30))
    worker = add_worker(pool, wave.ray, node, ResourceRequest(1, 0.0, 2**30))
    pool.release(worker)
    assert (pool.place(trials[0]) is worker) is reused
    held = sum(worker.need.memory for worker in pool.workers)
    assert (other in pool.workers, node.left("memory")) == (True, memory * 2.0**30 - held)
