"""Promises of the benchmarks: they run, and judge their limits right. No number of a machine is asserted here."""

from __future__ import annotations

import json
import time

import pytest
from performance import images
from performance.command import GROUPS, benchmarks, main
from performance.measure import Result, Settings, paired


def test_every_group_has_its_benchmarks():
    assert set(benchmarks()) == set(GROUPS)
    assert all(callable(run) for run in benchmarks().values())


def test_the_cheapest_benchmark_runs(monkeypatch):
    monkeypatch.setattr(images, "SHAPES", {"tiny": (1, 1, 9, 8, 7)})
    results = list(images.run(Settings(rounds=1)))
    assert len(results) == 15
    assert all(result.median > 0 for result in results)
    assert {result.limit for result in results} == {1.25, 2.0, 2.5, None}


def slow(settings):
    yield Result("slow", paired(lambda: time.sleep(0.004), lambda: time.sleep(0.001), settings.pairs(3)), 1.5)


def even(settings):
    yield Result("even", [1.0, 1.1, 1.2], 1.15)
    yield Result("fast", [2.0], 1.7, "higher")
    yield Result("reported", [9.0])
    yield Result("absent", limit=2.0, skipped="there is none")


def test_a_broken_limit_is_over_and_the_command_fails(tmp_path, capsys):
    known = {"slow": slow, "even": even}
    assert main(["--out", str(tmp_path)], known) == 1
    output = {each["name"]: each for each in json.loads((tmp_path / "performance.json").read_text())["results"]}
    assert {name: each["verdict"] for name, each in output.items()} == {
        "slow": "over", "even": "ok", "fast": "ok", "reported": "reported", "absent": "skipped",
    }  # fmt: skip
    assert output["even"]["quartiles"] == pytest.approx([1.05, 1.15])
    assert "| slow | " in (tmp_path / "README.md").read_text()
    assert "skipped: there is none" in capsys.readouterr().out


def test_the_command_succeeds_within_the_limits():
    assert main(["even"], {"slow": slow, "even": even}) == 0
    assert Result("r", [1.6], 1.7, "higher").verdict == "over"
    with pytest.raises(SystemExit):
        main(["evn"], {"even": even})


def test_benchmarks_that_need_scans_say_why_they_are_skipped(monkeypatch):
    monkeypatch.delenv("BENCH_TEST_DATA", raising=False)
    for name in ("decoding", "preparing"):
        results = list(benchmarks()[name](Settings(rounds=1)))
        assert results
        assert all("BENCH_TEST_DATA" in result.skipped for result in results)
