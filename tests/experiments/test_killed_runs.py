"""What a study and a preparation survive: kills at random moments, company, and disks that refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bids_trees
import pytest

HERE = Path(__file__).parents[1]
STUDY = ("run", "--study", "long_study", "--launcher", "serial")


def program(name: str, *words: object, before: tuple[str, ...] = ()) -> str:
    """What a program of this folder prints; it checks by itself what it finds."""
    around = {**os.environ, "BENCH_PLUGINS": str(HERE / "plugins"), "OMP_NUM_THREADS": "1"}
    command = [*before, sys.executable, str(HERE / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=around)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def killed(how: str, count: int, folder: Path, *words: object, seed: int = 1) -> dict[str, int]:
    return json.loads(program("kill_and_rerun.py", how, count, seed, folder, *words))


def test_a_study_killed_at_two_moments_ends_as_if_undisturbed(tmp_path):
    assert killed("kills", 2, tmp_path, *STUDY)["kills"] == 2


def test_a_preparation_killed_at_ten_moments_ends_as_if_undisturbed(tmp_path):
    tree = bids_trees.oasis(tmp_path / "tree", 40)
    assert killed("kills", 10, tmp_path, "prepare", "ad_oasis", "--from", tree)["kills"] == 10


def test_two_processes_share_a_study_of_which_one_is_killed(tmp_path):
    assert killed("pairs", 1, tmp_path, *STUDY)["rounds"] == 1


def test_two_processes_may_prepare_the_same_and_one_of_them_may_be_killed(tmp_path):
    tree = bids_trees.oasis(tmp_path / "tree", 40)
    assert killed("pairs", 4, tmp_path, "prepare", "ad_oasis", "--from", tree)["rounds"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_a_study_killed_at_a_hundred_moments_ends_as_if_undisturbed(tmp_path, seed):
    assert killed("kills", 100, tmp_path, *STUDY, seed=seed)["kills"] == 100


@pytest.mark.slow
def test_a_preparation_killed_at_200_moments_ends_as_if_undisturbed(tmp_path, scans):
    words = "prepare", "ad_oasis", "--from", scans / "oasis1"
    assert killed("kills", 200, tmp_path, *words)["kills"] == 200


@pytest.mark.slow
def test_ten_pairs_of_processes_of_which_one_is_killed(tmp_path):
    assert killed("pairs", 11, tmp_path, *STUDY, seed=2)["killed"] >= 5


@pytest.mark.slow
def test_parallel_trials_stop_on_request(plugins, tmp_path):
    bench = [sys.executable, "-c", "from bench.cli import main; main()"]
    words = [*bench, "run", "--study", "long_study", "--launcher", "ray"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("results/trials/[!.]*/record.json")):
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    _, output = child.communicate()
    assert child.returncode == 143
    assert output.endswith("bench: interrupted; finished trials are saved; run the same command to resume\n")


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["driver", "workers"])
def test_trials_side_by_side_survive_their_driver_and_their_workers(plugins, tmp_path, victim):
    words = [
        sys.executable,
        "-c",
        "from bench.cli import main; main()",
        "run",
        "--study",
        "long_study",
        "--launcher",
        "ray",
    ]
    first = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob("results/trials/[!.]*/record.json"))) < 3:
        time.sleep(0.02)
    if victim == "driver":
        first.kill()
        first.wait()
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    else:
        workers = descendants(first.pid, "ray::TrialWorker")
        assert workers
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        assert first.wait() == 0
    status = json.loads(
        subprocess.run([*words[:3], "status", "--study", "long_study", "--json"], capture_output=True).stdout
    )
    assert (status["done"], status["failed"], status["open"]) == (status["planned"], 0, 0)


def descendants(pid: int, name: str) -> list[int]:
    """The processes below `pid` whose command begins with `name`."""
    lines = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    table = [line.split(None, 2) for line in lines.splitlines()[1:]]
    below, found = {pid}, []
    for _ in range(5):
        below |= {int(row[0]) for row in table if int(row[1]) in below}
    found += [int(row[0]) for row in table if int(row[0]) in below and row[2].startswith(name)]
    return found


FAULTS = ("full", "readonly", "removed", "clock")


@pytest.mark.parametrize("faults", [FAULTS[1:2], pytest.param(FAULTS, marks=pytest.mark.slow)])
def test_a_failing_disk_is_reported_and_the_study_resumes_once_it_works_again(tmp_path, faults):
    alone = ("unshare", "--mount", "--map-root-user")
    try:
        subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file systems can be mounted here: {error}")
    done = program("failing_disks.py", tmp_path, ",".join(faults), *STUDY, before=alone)
    assert done.splitlines()[: len(faults)] == [f"{how}: as undisturbed" for how in faults]
