"""The plan in words: what runs, how long, and what it could show."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bench
from bench import registry
from bench.core import Arm, Data
from bench.data.prepare import prepare
from bench.experiments.plan_words import plan_words

pytestmark = pytest.mark.usefixtures("one_format")


def words(study: str, **more: object) -> list[str]:
    planned = bench.plan(study, **more)
    return plan_words(planned, planned.power)


def test_a_study_of_which_nothing_was_run_says_what_runs_and_that_the_time_is_unknown(plugins):
    what, how_long, _ = words("tiny")
    assert what == "What runs: 4 arms on tiny_volumes: 14 trainings, 6 of them for controls and teachers; none is done."
    assert how_long.startswith("How long: unknown, as none of them has been timed here; --measure trains")


def test_what_is_done_is_counted_and_the_rest_has_a_time(plugins):
    bench.run("tiny", arms="net", launcher="serial")
    what, how_long, _ = words("tiny", settings={"partitions": 2})
    assert "; 4 are done." in what
    assert how_long.startswith("How long: about ")
    assert "trainings of unknown length (--measure times them)" in how_long


def test_few_people_of_a_class_in_a_test_fold_are_named(plugins):
    study = replace(registry.study("tiny"), datasets=[Data("phantom_ad", {"subjects": 12})], folds=5)
    arms = {"constant": Arm("constant"), "linear": Arm("linear")}
    study = replace(study, arms=arms, reference="constant", floors=[], again=None, random_labels=None)
    planned = bench.plan(study, name="few")
    shown = plan_words(planned, planned.power)[-1]
    assert "What it could show on phantom_ad: " in shown
    assert "A test fold would hold 1 or 2 people of the rarest class: take fewer folds, or more people." in shown


def test_results_that_may_count_once_a_phantom_is_made_are_mentioned(plugins, tmp_path, monkeypatch):
    bench.run("tiny", arms="net", launcher="serial")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "elsewhere"))
    assert (
        "whether earlier results count is known once the scans are here: bench prepare tiny_volumes" in words("tiny")[0]
    )
    prepare("tiny_volumes")
    assert "; 4 are done." in words("tiny")[0]
