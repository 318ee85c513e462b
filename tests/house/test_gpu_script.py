"""Promises of `make perf ARGS=gpu`: it runs end to end without a GPU, and what is measured is on disk at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from performance import gpu, gpu_networks, gpu_steps, gpu_trials
from performance.command import main
from performance.gpu_log import REHEARSAL, GpuLog
from performance.measure import Result, Settings

TINY = gpu_networks.Measured("timm2d", (3, 110, 110), (3, 32, 32), {"network": "test_resnet"})


def logged(folder):
    return [json.loads(line) for line in (folder / "measured.jsonl").read_text().splitlines()]


def test_without_a_gpu_nothing_is_written_unless_it_is_rehearsed(tmp_path):
    (result,) = gpu.run(Settings(out=tmp_path / "out"))
    assert "--rehearse" in result.skipped
    assert not (tmp_path / "out").exists()


def test_a_rehearsal_measures_a_network_both_ways_and_is_marked(tmp_path, monkeypatch):
    for each in (gpu, gpu_steps):
        monkeypatch.setattr(each, "NETWORKS", {"tiny": TINY})
    monkeypatch.setattr(gpu, "SHARING", {})
    assert main(["gpu", "--rehearse", "--out", str(tmp_path)]) == 0
    (entry,) = logged(tmp_path)
    assert entry["mode"] == "cpu rehearsal"
    assert entry["details"]["losses equal to the bit"] == 1.0
    assert entry["details"]["used"] == 1.0
    assert entry["details"]["replayed_steps"] == gpu_steps.SMALL_STEPS - 4
    assert entry["values"][0] == pytest.approx(entry["details"]["graph ms"] / entry["details"]["usual ms"])
    assert REHEARSAL in (tmp_path / "measured.md").read_text()


def test_what_fails_or_has_no_time_is_logged_and_the_others_follow(tmp_path, monkeypatch):
    def broken(left):
        raise OSError("the driver\nis away")

    each = [("one", broken), ("two", lambda left: Result("two", [2.0], unit="s"))]
    monkeypatch.setattr(gpu, "measurements", lambda rehearse: iter(each))
    list(gpu.run(Settings(rehearse=True, out=tmp_path)))
    list(gpu.run(Settings(rehearse=True, out=tmp_path, budget=1.0)))  # later entries follow the earlier ones
    assert [(entry["name"], entry["values"], entry["skipped"]) for entry in logged(tmp_path)] == [
        ("one", [], "OSError: the driver is away"),
        ("two", [2.0], ""),
        ("one", [], "no time was left"),
        ("two", [], "no time was left"),
    ]
    assert (tmp_path / "measured.md").read_text().count("not measured: no time was left") == 2


def test_the_measurements_of_a_rehearsal_and_of_a_gpu_are_the_same_as_far_as_two_processors_reach():
    small, whole = ([name for name, _ in gpu.measurements(rehearse)] for rehearse in (True, False))
    assert set(small) < set(whole)
    assert len([name for name in whole if name.startswith("step of")]) == 5
    assert [name for name in whole if name not in small] == ["trials, 4 at once", "trials, 8 at once"]
    assert gpu.BUDGET <= 480 - 10


def test_trials_are_counted_once_each_process_has_ended_one(monkeypatch):
    monkeypatch.setattr(gpu_trials, "_ends", lambda *_: [100.0, 110.0, 130.0, 140.0, 170.0])
    monkeypatch.setattr(gpu_trials.time, "perf_counter", lambda: 90.0)
    result = gpu_trials.measured("two", 2, 60.0, False)
    assert result.values == [3600 * 3 / 60]
    assert result.details["first trial ended after (s)"] == 10.0
    assert "too few" in gpu_trials.measured("five", 5, 60.0, False).skipped


def test_entries_of_a_gpu_are_not_marked_as_a_rehearsal(tmp_path):
    log = GpuLog(tmp_path, False)
    log.add(Result("a", [1.5]))
    assert REHEARSAL not in (tmp_path / "measured.md").read_text()
    assert logged(tmp_path)[0]["mode"] == "gpu"


@pytest.mark.slow
def test_the_whole_script_runs_on_a_processor(tmp_path):
    script = Path(__file__).parents[1] / "performance"
    words = [sys.executable, str(script), "gpu", "--rehearse", "--budget", "3000", "--out", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {entry["name"]: entry for entry in logged(tmp_path)}
    assert {name: entry["skipped"] for name, entry in found.items() if entry["skipped"]} == {}
    steps = [entry["details"] for name, entry in found.items() if name.startswith("step of")]
    assert len(steps) == 5
    assert all(each["losses equal to the bit"] for each in steps)
    assert all(entry["values"][0] > 0 for entry in found.values())
