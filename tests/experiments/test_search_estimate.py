"""`bench plan` of a study that can be searched: how many candidates that would be, and how long they would take."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from command_line import run_command
from free_search import DATA, STUDY

from bench import registry
from bench.core import Arm, paths
from bench.experiments import plan
from bench.experiments.search.search_estimate import estimate_searches

BAD = """
from bench.core import Arm, Data, Floats, Recipe, Study, Tuning
STUDY = Study(question="?", datasets=[Data("tiny_volumes")], reference="net", arms={"net": Arm("tiny_net")}, floors=[],
    tuning=Tuning(spaces={"net": {"lr": %s}}), folds=2, partitions=1, recipe=Recipe(steps=6, batch_size=4, points=3))
"""


def estimate(root, **changes):
    return estimate_searches("formula", replace(STUDY, **changes), [plan.ResolvedData(DATA)], root)


def test_the_number_of_candidates_and_the_effect_of_pruning_are_stated(tmp_path):
    line = estimate(tmp_path).line()
    assert line.startswith(
        "bench tune would train 1 arm x 2 folds x 40 candidates = 80 trials, at most (pruning stops some early)"
    )
    assert "the time is not known; bench plan --measure estimates it" in line
    unpruned = estimate(tmp_path, partitions=3, tuning=replace(STUDY.tuning, pruner="none"))
    assert "1 arm x 3 partitions x 2 folds x 40 candidates = 240 trials; the" in unpruned.line()
    assert estimate(tmp_path, tuning=None) is None


def test_a_study_that_can_be_run_and_not_searched_is_planned(tmp_path):
    found = estimate(tmp_path, arms={"floor": Arm("constant")}, reference="floor", floors=[], tuning=replace(
        STUDY.tuning, spaces={}))  # fmt: skip
    assert found.line().startswith(
        "bench tune cannot search it: arm 'floor': the method constant declares no search space"
    )


def test_how_long_it_takes_is_known_from_records(plugins, one_format, capsys, monkeypatch):
    assert run_command(capsys, monkeypatch, "run", "--study", "searched", "--launcher", "serial")[0] == 0
    status, text = run_command(capsys, monkeypatch, "plan", "--study", "searched")
    words = " ".join(text.split())
    assert "bench tune would train 2 arms x 2 folds x 4 candidates = 16 trials; about " in words
    assert "run one by one, if each takes as long as the defaults" in words
    assert status == 0


@pytest.mark.parametrize(
    "bad", ["Floats(1e-2, 1e-4)", "(1e-5, 1e-1)", "Floats(1e-5, float('inf'))", "Floats('a', 'b')"]
)
@pytest.mark.parametrize("command", ["plan", "tune"])
def test_an_invalid_range_is_refused_before_anything_is_written(plugins, tmp_path, capsys, monkeypatch, bad, command):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "bad.py").write_text(BAD % bad)
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(plugins), str(tmp_path / "own")]))
    registry.clear_cache()
    status, text = run_command(capsys, monkeypatch, command, "--study", "bad")
    assert status == 2, text
    assert all(name in text for name in ("'net'", "lr"))
    assert not paths.results_root().exists()
