"""A publisher's split that divides people stops a study, unless the study declares that it shows the leak."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import plan, run
from bench.core import Arm, BenchError, Data, Recipe, Study

STUDY = Study(
    question="How much is memory?",
    datasets=[Data("tiny_places", split="publisher", leak="shown")],
    reference="constant",
    arms={"constant": Arm("constant"), "net": Arm("tiny_net")},
    folds=2,
    recipe=Recipe(steps=4, batch_size=4, points=2),
)
STOPPED = replace(STUDY, datasets=[Data("tiny_places", split="publisher")])


def test_run_stops_by_name_before_anything_is_trained(plugins, tmp_path):
    says = (
        r"the publisher's split of tiny_places divides 2 groups .*: 2 of 12 test scans have their group in the training"
        r" part, for example i1, whose group p0 has i0 there\. Split by kfold; or.*leak='shown'"
    )
    with pytest.raises(BenchError, match=says):
        run(STOPPED, name="stopped")
    assert not list((tmp_path / "results").glob("trials/*/record.json"))
    with pytest.raises(BenchError, match=says):  # the phantom is there now
        plan(STOPPED, name="stopped")


def test_a_study_that_shows_the_leak_runs_and_its_report_says_so(plugins, one_format):
    found = run(STUDY, name="shown", launcher="serial")
    text = found.path.with_name("report.md").read_text()
    assert "tiny_places@publisher: the publisher's split divides 2 groups, and the study measures that leak" in text
    assert "2 of 12 test scans are of people or images in the training part" in text


def test_a_split_that_divides_nobody_needs_no_declaration(plugins, one_format):
    found = run(replace(STUDY, datasets=[Data("tiny_places")]), name="folds", launcher="serial")
    assert "measures that leak" not in found.path.with_name("report.md").read_text()


def test_another_word_is_refused(plugins):
    with pytest.raises(BenchError, match="tiny_places: leak must be 'stop' or 'shown', not 'hidden'"):
        plan(replace(STUDY, datasets=[Data("tiny_places", leak="hidden")]), name="wrong")
