"""Trials side by side on this machine: where Ray listens, and what a disk that fills up leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ray_clusters import below

from bench.experiments.launch.ray_session import connected

pytestmark = pytest.mark.slow
LISTENING = "0A"  # as the kernel lists sockets
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}

FILLED = """
mount -t tmpfs -o size=300k tmpfs "$1" && export BENCH_RESULTS="$1" && shift
"$@"; echo "status $?" >&2
mount -o remount,size=256m "$BENCH_RESULTS"
"$@"; echo "status $?" >&2
"$PY" -m bench status --study forty_trials
"""


def test_ray_started_here_listens_on_the_loopback_only():
    with connected("") as ray:
        assert ray.get(ray.remote(lambda: 1).remote()) == 1
        found = addresses([os.getpid(), *below(os.getpid())])
        assert len(found) > 3
        assert set(found) <= LOOPBACK
    assert not [pid for pid in below(os.getpid()) if "raylet" in command(pid)]


def addresses(pids):
    """The addresses that these processes listen at."""
    mine = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                mine.add(os.readlink(handle))
            except OSError:  # it ended, or closed it, meanwhile
                continue
    rows = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()]
    return [row[1].partition(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in mine]


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_full_disk_is_reported_and_no_finished_trial_is_lost(plugins, tmp_path):
    (tmp_path / "results").mkdir()
    run = [sys.executable, "-m", "bench", "run", "--study", "forty_trials", "--launcher", "ray"]
    alone = ["unshare", "--mount", "--map-root-user", "sh", "-c", FILLED, "sh", str(tmp_path / "results"), *run]
    done = subprocess.run(alone, capture_output=True, text=True, env={**os.environ, "PY": sys.executable})
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file systems can be mounted here: {done.stderr}")
    first, _, second = done.stderr.partition("status 1\n")
    assert "the disk is full. Finished work is saved; fix this and run the same command again" in first
    assert "Traceback" not in first
    assert second.endswith("status 0\n")
    assert "forty_trials: 40 of 40 trials done\n" in done.stdout
    remaining = [int(number) for number in re.findall(r"40 trials, (\d+) of them done", done.stdout)]
    assert remaining[0] == 0
    assert 0 < remaining[1] < 40
