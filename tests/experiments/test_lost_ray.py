"""Ray on this machine that is killed or stopped: the run ends with one line, loses nothing, and can go on."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ray_clusters import Cluster, below
from record_comparison import without_times

import bench
from bench.core import Arm, Data, Recipe, RunAbortedError, Study
from bench.experiments.launch import ray_driver, ray_process
from bench.storage.record_store import Store

ARMS = {f"a{number}": Arm("tiny_net", {"pause": 0.05, "dropout": number / 10}) for number in range(4)}
STUDY = Study(
    "?", [Data("tiny_volumes")], "a0", ARMS, floors=[], folds=2, partitions=1, recipe=Recipe(steps=40, batch_size=4)
)
DEFINITION = """
from bench.core import Arm, Data, Floats, Recipe, Study, Tuning
STUDY = Study("?", [Data("tiny_volumes")], "a0", floors=[], folds=2, partitions=1,
    recipe=Recipe(steps=40, batch_size=4, points=4),
    arms={f"a{number}": Arm("tiny_net", {"pause": 0.05, "dropout": number / 10}) for number in range(4)},
    tuning=Tuning(trials=6, arms=("a0",), spaces={"a0": {"lr": Floats(1e-5, 1.0, log=True)}}, pruner="none", seed=2))
"""
RUN = [sys.executable, "-m", "bench", "run", "--study", "fragile"]
TUNE = [sys.executable, "-m", "bench", "tune", "--study", "fragile", "--fold", "0"]
SAVED = "finished work is saved; run the same command to resume"


class StrangeError(RunAbortedError):
    """An error that is not built from its text alone."""

    def __init__(self, reason, remedy):
        self.reason = reason
        super().__init__(f"{reason}; {remedy}")


def test_an_error_of_the_other_process_arrives_with_its_class_its_words_and_its_traceback():
    try:
        raise StrangeError("it broke", "mend it")
    except StrangeError as error:
        sent = ray_driver._portable(error)
    error = ray_process._error(*pickle.loads(pickle.dumps(sent)))
    assert (type(error), str(error), error.reason) == (StrangeError, "it broke; mend it", "it broke")
    assert "test_lost_ray.py" in error.__notes__[0]


def test_an_error_that_cannot_be_sent_arrives_in_words():
    error = ValueError("odd")
    error.lock = threading.Lock()
    found = ray_process._error(*ray_driver._portable(error))
    assert (type(found), str(found)) == (RuntimeError, "ValueError: odd")


@pytest.fixture
def fragile(plugins, tmp_path, monkeypatch):
    """A study in a folder of plug-ins."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "fragile.py").write_text(DEFINITION)
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(plugins), str(tmp_path / "own")]))
    return tmp_path


def begun(words, out):
    with out.open("w") as log:
        return subprocess.Popen(words, stdout=log, stderr=log)


def processes(root, name):
    """The processes below `root` that have these words in their command line."""
    commands = {pid: " ".join(command(pid)) for pid in below(root)}
    return [pid for pid, words in commands.items() if name in words and "process_supervisor" not in words]


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def found(child, name, condition=lambda: True):
    """The processes of that name below a command, once there are some and the condition holds."""
    until = time.monotonic() + 120
    while True:
        pids = processes(child.pid, name) if condition() else []
        if pids:
            return pids
        assert child.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)


def records(root):
    return list(root.glob("trials/[!.]*/record.json"))


def ended(child, family, out, statuses=(1,)):
    """The output of a command that is to end with a status within 60 seconds, and to leave no process."""
    assert child.wait(60) in statuses, out.read_text()
    until = time.monotonic() + 10
    while any(alive(pid) for pid in family):
        assert time.monotonic() < until
        time.sleep(0.1)
    return out.read_text()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def one_line(output):
    """The last line, which is the only one about what happened."""
    *before, last = output.splitlines()
    assert not re.search(r"raylet|Traceback|gcs|\.cc:", "\n".join(before)), output
    return last


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number"),
    [("raylet/raylet", "KILL"), ("gcs/gcs_server", "KILL"), ("raylet/raylet", "STOP"), ("gcs/gcs_server", "STOP")],
)
def test_a_run_that_loses_ray_ends_with_one_line_and_goes_on_later_to_the_same_results(fragile, name, number):
    child = begun([*RUN, "--launcher", "ray"], fragile / "out")
    pids = found(child, name, lambda: len(records(fragile / "results")) >= 2)
    family = below(child.pid)
    for pid in pids:
        os.kill(pid, getattr(signal, f"SIG{number}"))
    unneeded = (name, number) == ("raylet/raylet", "STOP")  # its processes may finish all trials before it is missed
    output = ended(child, family, fragile / "out", (0, 1) if unneeded else (1,))
    remaining = {path: path.read_bytes() for path in records(fragile / "results")}
    if child.returncode == 0:
        assert len(remaining) == 8
    else:
        how = "ended, as it does" if number == "KILL" else "was stopped and did not go on"
        assert one_line(output).startswith(f"bench: the process {name.split('/')[1]} of Ray {how}")
        assert output.endswith(f"{SAVED}\n")
        assert 2 <= len(remaining) < 8
    done = subprocess.run([*RUN, "--launcher", "ray"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(path.read_bytes() == content for path, content in remaining.items())
    around = {**os.environ, "BENCH_RESULTS": str(fragile / "undisturbed")}
    subprocess.run([*RUN, "--launcher", "serial"], capture_output=True, check=True, env=around)
    assert without_times(Store(fragile / "results")) == without_times(Store(fragile / "undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["raylet/raylet", "gcs/gcs_server", "-c import json"])  # the last uses Ray
def test_a_run_whose_ray_is_killed_while_it_starts_ends_with_one_line(fragile, name):
    child = begun([*RUN, "--launcher", "ray"], fragile / "out")
    pids = found(child, name)
    family = below(child.pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    output = ended(child, family, fragile / "out")
    assert SAVED in one_line(output) or "--launcher serial" in one_line(output)


@pytest.mark.slow
def test_a_search_that_loses_ray_ends_with_one_line_and_goes_on_later(fragile):
    words = [*TUNE, "--launcher", "ray"]
    child = begun(words, fragile / "out")
    pids = found(child, "raylet/raylet", lambda: processes(child.pid, "ray::"))
    family = below(child.pid)
    os.kill(pids[0], signal.SIGKILL)
    output = ended(child, family, fragile / "out")
    assert one_line(output).startswith("bench: the process raylet of Ray ended")
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads((fragile / "results" / "fragile" / "tuned.json").read_text())["sets"]
    assert entry["cost"]["trials"] == 6


@pytest.mark.slow
@pytest.mark.parametrize("number", ["KILL", "HUP", "TERM"])
def test_an_ended_command_leaves_no_process_and_no_folder_and_its_neighbour_goes_on(fragile, number, monkeypatch):
    child = begun([*RUN, "--launcher", "ray"], fragile / "out")
    monkeypatch.setenv("BENCH_RESULTS", str(fragile / "other"))
    other = begun([*RUN, "--launcher", "ray"], fragile / "out2")
    found(child, "ray::")
    found(other, "ray::")
    family = below(child.pid)
    words = [word for pid in family for word in command(pid)]
    folders = {word.split("=")[1].split("/session_")[0] for word in words if word.startswith("--session-dir=")}
    assert folders
    child.send_signal(getattr(signal, f"SIG{number}"))
    child.wait(60)
    until = time.monotonic() + 20
    while any(alive(pid) for pid in family) or any(os.path.exists(folder) for folder in folders):
        assert time.monotonic() < until, [command(pid) for pid in family if alive(pid)]
        time.sleep(0.1)
    assert other.wait(300) == 0, (fragile / "out2").read_text()
    assert len(records(fragile / "other")) == 8


@pytest.mark.slow
def test_a_python_process_that_loses_ray_gets_an_error_and_runs_the_study_again(plugins):
    def kill():
        while not (pids := processes(os.getpid(), "gcs/gcs_server")) or not processes(os.getpid(), "ray::"):
            time.sleep(0.1)
        os.kill(pids[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RunAbortedError, match="the process gcs_server of Ray ended"):
        bench.run(STUDY, name="own", launcher="ray")
    killer.join()
    assert bench.run(STUDY, name="own", launcher="ray").status == {"done": 8, "failed": 0, "refused": 0, "open": 0}


@pytest.mark.slow
def test_a_run_on_a_cluster_whose_head_is_killed_ends_with_one_line(fragile):
    with Cluster() as nodes:
        nodes.start("head", resources={"num_cpus": 0})
        nodes.start("worker")
        child = begun([*RUN, "--address", nodes.address], fragile / "out")
        until = time.monotonic() + 120
        while not records(fragile / "results"):
            assert child.poll() is None, (fragile / "out").read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        nodes.kill("head")
        assert child.wait(75) == 1
    output = (fragile / "out").read_text()
    assert output.endswith(f"{SAVED}\n"), output
    assert "Traceback" not in output
