"""Real signals to real searches: the first Ctrl-C lets candidates in flight end, the second does not; both resume."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest
from command_line import apart
from ray_clusters import below

from bench.core import paths

SLOW = """
from bench.core import Arm, Data, Floats, Recipe, Study, Tuning
STUDY = Study(question="?", datasets=[Data("tiny_volumes")], reference="net", floors=[], folds=2, partitions=1,
    arms={"net": Arm("tiny_net", {"pause": %s})}, recipe=Recipe(steps=20, batch_size=4, points=20),
    tuning=Tuning(trials=4, spaces={"net": {"lr": Floats(1e-4, 1e-1)}}, pruner="none", sampler="random"))
"""
TUNE = [sys.executable, "-m", "bench", "tune", "--study", "slow", "--fold", "0", "--launcher"]


@pytest.fixture
def started_search(plugins, tmp_path, monkeypatch):
    """A search with slow candidates in its own process group, with the first candidates running."""

    def begin(launcher, seconds):
        child = apart([*TUNE, launcher], SLOW % (seconds / 20), plugins, tmp_path, monkeypatch)
        until = time.monotonic() + 240
        while not points():
            assert time.monotonic() < until
            assert child.poll() is None, child.communicate()
            time.sleep(0.1)
        return child

    return begin


def requested(words):
    storage = paths.results_root() / "slow" / "search.db"
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(storage)) as opened:
        return [row[0] for row in opened.execute(words)]
    return []


def points():
    """Evaluation points that were reported."""
    return requested("SELECT COUNT(*) FROM trial_intermediate_values")[:1] not in ([], [0])


def states():
    return Counter(requested("SELECT state FROM trials"))


def ended(child, *, within):
    since = time.monotonic()
    _, output = child.communicate(timeout=within)
    assert not below(child.pid)
    return output, time.monotonic() - since


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
def test_the_first_ctrl_c_finishes_the_candidates_in_flight_and_no_more(started_search, launcher):
    child = started_search(launcher, 6.0)
    flight = states()["RUNNING"]
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    output, _ = ended(child, within=120)
    assert child.returncode == 130, output
    assert "finishing running" in output
    assert output.endswith("bench: interrupted; finished trials are saved; run the same command to resume\n")
    assert flight <= states()["COMPLETE"] < 4
    assert (states()["RUNNING"], states()["FAIL"]) == (0, 0)
    done = subprocess.run([*TUNE, launcher], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert states() == {"COMPLETE": 4}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
def test_the_second_ctrl_c_stops_at_once_and_the_search_keeps_its_candidates(started_search, launcher):
    child = started_search(launcher, 120.0)
    os.killpg(child.pid, signal.SIGINT)
    time.sleep(1.0)
    assert child.poll() is None
    os.killpg(child.pid, signal.SIGINT)
    output, seconds = ended(child, within=90)
    assert child.returncode == 130, output
    assert seconds < 60
    assert output.endswith("bench: interrupted; finished trials are saved; run the same command to resume\n")
    assert set(states()) == {"RUNNING"} or states()["WAITING"]
