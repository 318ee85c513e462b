"""Tests of the command `bench tune`: the files it writes, its messages and its exit status."""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
import sys
import threading
import time

import pytest
from command_line import run_command

from bench import cli, registry
from bench.core import RunAbortedError, paths
from bench.report.figures import style
from bench.storage import tuned_file
from bench.storage.locks import acquire_lock
from bench.storage.record_store import Store


def bench(capsys, monkeypatch, *words):
    """Exit status and output of the command, in one line."""
    status, text = run_command(capsys, monkeypatch, *words)
    return status, " ".join(text.split())


@pytest.fixture
def command(plugins, capsys, monkeypatch):
    """The command, serial, with pictures in one form."""
    monkeypatch.setattr(style, "FORMATS", ("svg",))
    return lambda *words: bench(capsys, monkeypatch, "tune", "--launcher", "serial", *words)


def test_it_searches_every_arm_and_fold_and_leaves_winners_a_table_and_pictures(command):
    status, output = command("--study", "searched")
    assert status == 0, output
    assert "4 searches of 4 candidates" in output
    assert "the test parts are not read" in output
    assert output.count("on validation") == 4
    folder = paths.results_root() / "searched"
    entry = tuned_file.read_tuned(folder / tuned_file.FILE)
    assert [(one["arm"], one["fold"]) for one in entry["sets"]] == [
        ("net", 0),
        ("net", 1),
        ("dropping", 0),
        ("dropping", 1),
    ]
    assert {one["cost"]["trials"] for one in entry["sets"]} == {4}, "the same number for each arm"
    assert {one["cost"]["steps"] for one in entry["sets"]} == {24}
    rows = list(csv.DictReader((folder / "tuning" / "candidates.csv").read_text().splitlines()))
    assert len(rows) == 16
    assert {row["node"] for row in rows} == {""}, "no machine of a cluster"
    for one in entry["sets"]:
        mine = [row for row in rows if (row["arm"], row["fold"]) == (one["arm"], str(one["fold"]))]
        assert one["validation"] == max(float(row["objective validation"]) for row in mine)
    page = (folder / "tuning" / "report.md").read_text()
    assert "Sampler random, pruner none, seed 0, Optuna" in page
    assert "only the test part tells what was gained" in page
    drawn = {path.name.partition("-")[2] for path in (folder / "tuning").glob("*.svg")}
    assert {"history.svg", "parallel.svg"} <= drawn
    assert not Store(paths.results_root()).trials.exists(), "no trial was recorded: none was scored on its test part"


def test_a_second_command_trains_nothing_and_prints_the_same(command, monkeypatch):
    command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2")
    file = paths.results_root() / "searched" / tuned_file.FILE
    first = file.read_text()
    monkeypatch.setattr("bench.experiments.search.run_search.train_candidate", None)
    status, output = command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2")
    assert status == 0, output
    assert file.read_text() == first


def test_processes_that_end_at_once_write_one_after_the_other(command):
    folder = paths.results_root() / "searched"
    folder.mkdir(parents=True)
    other, observed = acquire_lock(folder / ".tuned.claim"), []

    def end():
        while not finished(folder / "search.db"):
            time.sleep(0.1)
        time.sleep(1.0)
        observed.append((folder / tuned_file.FILE).exists())
        other.release()

    threading.Thread(target=end).start()
    status, output = command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "1")
    assert (status, observed) == (0, [False]), output
    assert (folder / tuned_file.FILE).exists()


def finished(path):
    """How many candidates a storage holds that came to an end."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as storage:
        return storage.execute("SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    return 0


def test_a_report_of_the_study_has_the_table_of_its_search(command, capsys, monkeypatch):
    command("--study", "searched", "--fold", "0", "--trials", "2")
    status, output = bench(capsys, monkeypatch, "run", "--study", "searched", "--arm", "constant")
    assert status == 0, output
    assert "### Tuning" in (paths.results_root() / "searched" / "report.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--study", "searche"], "no study 'searche'; did you mean 'searched'?"),
        (["--study", "tiny"], "has no search"),
        (["--study", "searched", "--arm", "constant"], "searches no arm 'constant'"),
        (["--study", "searched", "--fold", "7"], "has no fold 7"),
        (["--study", "searched", "--trials", "0"], "at least 1 trial"),
        (["--study", "searched", "--storage", "x.txt"], "no storage 'x.txt'"),
        (["--study", "searched", "--launcher", "slurm"], "no launcher 'slurm'"),
    ],
)
def test_what_the_author_got_wrong_ends_with_2_before_anything_is_trained(command, words, message):
    status, found = command(*words)
    assert (status, message in found) == (2, True), found
    assert not (paths.results_root() / "searched" / tuned_file.FILE).exists()


def test_json_is_what_was_written(command, capsys, monkeypatch):
    words = ["--study", "searched", "--arm", "net", "--fold", "0", "--trials", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["bench", "tune", "--launcher", "serial", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert json.loads(capsys.readouterr().out)["sets"][0]["candidate"] == 0


def test_the_shipped_searches_are_planned():
    for name in ("hpo_dclse", "hpo_baselines"):
        study = registry.study(name)
        assert study.tuning.trials == 40
        assert study.light is not None


def sets():
    """(arm, fold) of each set that was written, and the places that were not searched."""
    entry = tuned_file.read_tuned(paths.results_root() / "searched" / tuned_file.FILE)
    return [(one["arm"], one["fold"]) for one in entry["sets"]], entry["not_searched"]


def test_one_fold_after_the_other_leaves_the_winners_of_both_and_says_what_is_missing(command):
    place = paths.results_root() / "searched" / "tuning"
    status, output = command("--study", "searched", "--fold", "0", "--trials", "2")
    assert status == 0, output
    found, missing = sets()
    assert found == [("net", 0), ("dropping", 0)]
    assert [each.partition(" on ")[0] for each in missing] == ["net", "dropping"]
    assert "search not finished: dropping on tiny_volumes, partition 0, fold 1" in output
    assert "Not searched yet, to the end: net on" in (place / "report.md").read_text()
    first = {path.name for path in place.glob("*.svg")}
    status, output = command("--study", "searched", "--fold", "1", "--arm", "net", "--trials", "2")
    assert (status, sets()[0]) == (0, [("net", 0), ("net", 1), ("dropping", 0)])
    assert first < {path.name for path in place.glob("*.svg")}
    rows = list(csv.DictReader((place / "candidates.csv").read_text().splitlines()))
    assert [(row["arm"], row["fold"]) for row in rows] == [
        (arm, fold) for arm, fold in (("net", "0"), ("net", "1"), ("dropping", "0")) for _ in range(2)
    ]
    command("--study", "searched", "--arm", "dropping", "--fold", "1", "--trials", "3")
    assert sets() == ([("net", 0), ("net", 1), ("dropping", 0), ("dropping", 1)], [])
    assert "same number of candidates (2, 3)" in (place / "report.md").read_text()


def test_results_of_another_storage_stay_unchanged(command):
    folder = paths.results_root() / "searched"
    command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2")
    earlier = {path.name: path.read_bytes() for path in (folder / "tuning").glob("*.svg")}
    (before,) = tuned_file.read_tuned(folder / tuned_file.FILE)["sets"]
    words = ["--study", "searched", "--arm", "net", "--fold", "1", "--trials", "2"]
    status, output = command(*words, "--storage", str(folder / "other.log"))
    assert status == 0, output
    assert tuned_file.read_tuned(folder / tuned_file.FILE)["sets"][0] == before
    assert {name: (folder / "tuning" / name).read_bytes() for name in earlier} == earlier
    rows = list(csv.DictReader((folder / "tuning" / "candidates.csv").read_text().splitlines()))
    assert sorted(row["fold"] for row in rows) == ["0", "0", "1", "1"]


def test_an_unfinished_search_takes_no_winner_from_another(command, monkeypatch):
    command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2")
    with monkeypatch.context() as patch:
        patch.setattr("bench.experiments.search.run_search.train_candidate", ended)
        assert command("--study", "searched", "--arm", "net", "--fold", "1", "--trials", "2")[0] == 1
    status, _ = command("--study", "searched", "--arm", "dropping", "--fold", "0", "--trials", "2")
    assert (status, sets()[0]) == (0, [("net", 0), ("dropping", 0)])
    page = (paths.results_root() / "searched" / "tuning" / "report.md").read_text()
    assert "net on tiny_volumes, partition 0, fold 1: begun, 0 of 2 candidates" in page


def ended(*_):
    """A training in which the disk goes away."""
    raise RunAbortedError("the disk is gone")


def test_a_report_of_what_was_only_searched_names_both_commands(command, capsys, monkeypatch):
    command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "1")
    status, output = bench(capsys, monkeypatch, "report", "--study", "searched")
    assert status == 2
    assert "was only searched here, not run" in output
    assert "bench tune --study searched" in output
    assert "bench run --study searched" in output
