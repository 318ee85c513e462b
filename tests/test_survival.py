"""What a study and a preparation survive: kills at random moments, company, and disks that refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bids
import pytest

HERE = Path(__file__).parent
STUDY = ("run", "--study", "mortal", "--launcher", "serial")


def program(name: str, *words: object, before: tuple[str, ...] = ()) -> str:
    """What a program of this folder prints; it checks by itself what it finds."""
    around = {**os.environ, "BENCH_PLUGINS": str(HERE / "plugins"), "OMP_NUM_THREADS": "1"}
    command = [*before, sys.executable, str(HERE / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=around)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def killed(how: str, count: int, folder: Path, *words: object, seed: int = 1) -> dict[str, int]:
    return json.loads(program("killing.py", how, count, seed, folder, *words))


def test_a_study_killed_at_ten_moments_ends_as_if_undisturbed(tmp_path):
    assert killed("kills", 10, tmp_path, *STUDY)["kills"] == 10


def test_a_preparation_killed_at_ten_moments_ends_as_if_undisturbed(tmp_path):
    tree = bids.oasis(tmp_path / "tree", 40)
    assert killed("kills", 10, tmp_path, "prepare", "ad_oasis", "--from", tree)["kills"] == 10


def test_two_processes_share_a_study_and_one_of_them_may_be_killed(tmp_path):
    assert killed("pairs", 2, tmp_path, *STUDY)["rounds"] == 2


def test_two_processes_may_prepare_the_same_and_one_of_them_may_be_killed(tmp_path):
    tree = bids.oasis(tmp_path / "tree", 40)
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


def test_a_disk_that_refuses_is_told_and_a_study_goes_on_once_that_is_mended(tmp_path):
    alone = ("unshare", "--mount", "--map-root-user")
    try:
        subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file systems can be mounted here: {error}")
    done = program("starving.py", tmp_path, *STUDY, before=alone)
    assert done.split("\n")[:4] == [f"{how}: as undisturbed" for how in ("full", "readonly", "removed", "clock")]
