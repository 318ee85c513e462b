"""Real signals to real runs: the first Ctrl-C lets the trials in flight end, the second does not; both resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import apart
from ray_clusters import below

from bench.experiments.launch import signals
from bench.storage.record_store import Store

RUN = [sys.executable, "-m", "bench", "run", "--study", "slow", "--launcher"]
STATUS = [sys.executable, "-m", "bench", "status", "--study", "slow", "--json"]
SLOW = """
from bench.core import Arm, Data, Recipe, Study
STUDY = Study(question="?", datasets=[Data("tiny_volumes")], reference="net", floors=[], folds=4, partitions=1,
    arms={"net": Arm("tiny_net", {"pause": %s})}, recipe=Recipe(steps=20, batch_size=4, points=20))
"""


@pytest.fixture
def started_run(plugins, tmp_path, monkeypatch):
    """A study with slow trials, started in its own process group, with the first trials running."""

    def begin(launcher, seconds):
        child = apart([*RUN, launcher], SLOW % (seconds / 20), plugins, tmp_path, monkeypatch)
        store = Store(tmp_path / "results")
        until = time.monotonic() + 240
        while not any(row["fraction"] > 0 for row in state()["running"]):
            assert time.monotonic() < until
            assert child.poll() is None, child.communicate()
        return child, store

    def state():
        done = subprocess.run(STATUS, capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else {"running": []}

    return begin, state


def ended(child, *, within):
    since = time.monotonic()
    _, output = child.communicate(timeout=within)
    assert not below(child.pid)
    return output, time.monotonic() - since


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
def test_the_first_ctrl_c_finishes_what_is_in_flight_and_no_more(started_run, launcher):
    begin, state = started_run
    child, store = begin(launcher, 6.0)
    flight = {row["key"] for row in state()["running"]}
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    output, _ = ended(child, within=120)
    assert child.returncode == 130, output
    assert "finishing running trials" in output
    assert output.endswith("bench: interrupted; finished trials are saved; run the same command to resume\n")
    assert {path.parent.name for path in store.trials.glob("[!.]*/record.json")} >= flight
    now = state()
    assert (now["failed"], now["running"]) == (0, [])
    assert now["open"] > 0
    assert not list(store.trials.glob(".running-*"))
    done = subprocess.run([*RUN, launcher], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert state()["done"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
def test_the_second_ctrl_c_stops_at_once_and_the_study_goes_on_later(started_run, launcher):
    begin, state = started_run
    child, store = begin(launcher, 120.0)
    os.killpg(child.pid, signal.SIGINT)
    time.sleep(1.0)
    assert child.poll() is None
    os.killpg(child.pid, signal.SIGINT)
    output, seconds = ended(child, within=90)
    assert child.returncode == 130, output
    assert seconds < 60
    assert output.endswith("bench: interrupted; finished trials are saved; run the same command to resume\n")
    assert state()["done"] == 0
    assert list(store.trials.glob(".running-*"))


@pytest.fixture
def usual():
    """SIGINT as Python has it, however these tests were started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_stop_is_deferred_until_the_end_and_then_passed_on(usual):
    reached = []
    with pytest.raises(KeyboardInterrupt):
        _stopped(1, reached)
    assert reached == [True]


def test_a_second_stop_does_not_wait(usual):
    reached = []
    with pytest.raises(KeyboardInterrupt):
        _stopped(2, reached)
    assert reached == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("made", [KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_exception_of_a_handler_arrives_although_a_library_replaced_it(number, made):
    class EndedError(SystemExit):
        pass

    def end(*_):
        raise EndedError(3)

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(EndedError):
            _interrupted_in_a_library(number, made)
        assert signal.getsignal(number) is end
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_job_that_ignores_interrupts_goes_on_ignoring_them(usual):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reached = []
    _stopped(3, reached)
    assert reached == [False]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_where_the_system_ends_a_process_a_second_stop_ends_it():
    program = (
        "import os, signal; from bench.experiments.launch import signals\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "with signals.graceful_stop():\n    for _ in range(2): os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGINT, done.stderr


def _interrupted_in_a_library(number, made):
    with signals.graceful_stop():
        try:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
        except SystemExit:
            raise made from None


def _stopped(times, reached):
    with signals.graceful_stop() as stop:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        reached.append(stop.requested)
