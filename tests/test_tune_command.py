"""Promises of the command `bench tune`: what it leaves, what it says, and with which status it ends."""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
import sys
import threading
import time

import pytest

from bench import cli, paths, registry
from bench.claims import claim
from bench.figures import style
from bench.plan import tuned
from bench.store import Store


def bench(capsys, monkeypatch, *words):
    """Exit status and what was said by the command."""
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    status = 0
    try:
        cli.main()
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr()
    return status, " ".join((said.out + said.err).split())


@pytest.fixture
def command(plugins, capsys, monkeypatch):
    """The command, serial, with pictures in one form."""
    monkeypatch.setattr(style, "FORMATS", ("svg",))
    return lambda *words: bench(capsys, monkeypatch, "tune", "--launcher", "serial", *words)


def test_it_searches_every_arm_and_fold_and_leaves_winners_a_table_and_pictures(command):
    status, said = command("--study", "searched")
    assert status == 0, said
    assert "4 searches of 4 candidates" in said
    assert "the test parts are not read" in said
    assert said.count("on validation") == 4
    folder = paths.results_root() / "searched"
    entry = tuned.parsed(folder / tuned.FILE)
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
    for one in entry["sets"]:
        mine = [row for row in rows if (row["arm"], row["fold"]) == (one["arm"], str(one["fold"]))]
        assert one["validation"] == max(float(row["objective validation"]) for row in mine)
    page = (folder / "tuning" / "report.md").read_text()
    assert "Sampler random, pruner none, seed 0, Optuna" in page
    assert "only the test part tells what was gained" in page
    drawn = {path.name.partition("-")[2] for path in (folder / "tuning").glob("*.svg")}
    assert {"history.svg", "parallel.svg"} <= drawn
    assert not Store(paths.results_root()).trials.exists(), "no trial was recorded: none was scored on its test part"


def test_a_second_command_trains_nothing_and_says_the_same(command, monkeypatch):
    command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2")
    file = paths.results_root() / "searched" / tuned.FILE
    first = file.read_text()
    monkeypatch.setattr("bench.tune.executors.train", None)
    status, said = command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2")
    assert status == 0, said
    assert file.read_text() == first


def test_processes_that_end_at_once_write_one_after_the_other(command):
    folder = paths.results_root() / "searched"
    folder.mkdir(parents=True)
    other, seen = claim(folder / ".tuned.claim"), []

    def end():
        while not finished(folder / "search.db"):
            time.sleep(0.1)
        time.sleep(1.0)
        seen.append((folder / tuned.FILE).exists())
        other.release()

    threading.Thread(target=end).start()
    status, said = command("--study", "searched", "--arm", "net", "--fold", "0", "--trials", "1")
    assert (status, seen) == (0, [False]), said
    assert (folder / tuned.FILE).exists()


def finished(path):
    """How many candidates a storage holds that came to an end."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as storage:
        return storage.execute("SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    return 0


def test_a_report_of_the_study_has_the_table_of_its_search(command, capsys, monkeypatch):
    command("--study", "searched", "--fold", "0", "--trials", "2")
    status, said = bench(capsys, monkeypatch, "run", "--study", "searched", "--arm", "constant")
    assert status == 0, said
    assert "### Tuning" in (paths.results_root() / "searched" / "report.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--study", "searche"], "no study 'searche'; did you mean 'searched'?"),
        (["--study", "tiny"], "does not say how it is searched"),
        (["--study", "searched", "--arm", "constant"], "searches no arm 'constant'"),
        (["--study", "searched", "--fold", "7"], "has no fold 7"),
        (["--study", "searched", "--trials", "0"], "1 trial at least"),
        (["--study", "searched", "--storage", "x.txt"], "no storage 'x.txt'"),
        (["--study", "searched", "--launcher", "slurm"], "no launcher 'slurm'"),
    ],
)
def test_what_the_author_got_wrong_ends_with_2_before_anything_is_trained(command, words, said):
    status, found = command(*words)
    assert (status, said in found) == (2, True), found
    assert not (paths.results_root() / "searched" / tuned.FILE).exists()


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
