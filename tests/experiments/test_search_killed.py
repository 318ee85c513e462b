"""The command `bench tune`, killed in the middle and run again: the same candidates, and the same number of them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRIALS, BEFORE = 8, 5  # candidates in all, and those that are over when it is killed; the pruner needs as many
STUDY = """
from bench.core import Arm, Data, Floats, Recipe, Study, Tuning
STUDY = Study(question="?", datasets=[Data("tiny_volumes")], reference="net", floors=[], folds=2, partitions=1,
    arms={"net": Arm("tiny_net", {"pause": 0.05})}, recipe=Recipe(steps=16, batch_size=4, points=8),
    tuning=Tuning(trials=40, spaces={"net": {"lr": Floats(1e-5, 1.0, log=True)}}, pruner="median", seed=8))
"""
WORDS = ["tune", "--study", "fatal", "--fold", "0", "--trials", str(TRIALS), "--launcher", "serial"]


def begin(results: Path) -> subprocess.Popen:
    words = [sys.executable, "-m", "bench", *WORDS]
    around = {**os.environ, "BENCH_RESULTS": str(results)}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=around)


def count(results: Path, words: str) -> int:
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(results / "fatal" / "search.db")) as db:
        return db.execute(words).fetchone()[0]
    return 0


def candidates(results: Path) -> list[tuple]:
    """Number, state, parameters and scores on the way of every candidate."""
    rows = csv.DictReader((results / "fatal" / "tuning" / "candidates.csv").read_text().splitlines())
    return [(int(row["candidate"]), row["state"], row["parameter lr"], row["points"]) for row in rows]


@pytest.mark.slow
def test_killed_and_given_again_it_ends_with_the_number_and_prunes_as_if_it_had_not_been(
    plugins, tmp_path, monkeypatch
):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "fatal.py").write_text(STUDY)
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(plugins), str(tmp_path / "own")]))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    first = begin(whole)
    first.communicate(timeout=120)
    assert first.returncode == 0
    child, until = begin(cut), time.monotonic() + 120
    on_its_way = (
        f"SELECT COUNT(*) FROM trial_intermediate_values v JOIN trials t USING (trial_id) WHERE t.number = {BEFORE}"
    )
    while not count(cut, on_its_way):
        assert time.monotonic() < until
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)
    child.kill()
    child.communicate()
    over = "SELECT COUNT(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')"
    assert count(cut, over) == BEFORE
    again = begin(cut)
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert count(cut, "SELECT COUNT(*) FROM trials") == TRIALS
    found = candidates(cut)
    assert found == candidates(whole)
    assert "pruned" in {state for number, state, *_ in found if number >= BEFORE}, "only who knows the others prunes"
    (entry,) = json.loads((cut / "fatal" / "tuned.json").read_text())["sets"]
    assert entry["cost"]["trials"] == TRIALS
