"""One data set twice in a study under two labels, and a planted leak that the checks must find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bench
from bench import registry
from bench.core import Arm, BenchError, Data, Floats, Recipe, Study, Tuning
from bench.data.prepare import fingerprint, prepare
from bench.experiments import plan
from bench.experiments.search.search_definition import define_searches
from bench.report.headline import summary

pytestmark = pytest.mark.usefixtures("one_format")

SCANS = {"subjects": 24, "slices": 6, "size": 16}
FOUND, NOTHING = (
    Data("phantom_order", {**SCANS, "effect": size}, label=name) for size, name in ((5.0, "a"), (0.0, "b"))
)
LEAK = Data("phantom_order", {**SCANS, "copies": 3}, split="publisher", label="leak")
ARMS = {"constant": Arm("constant"), "linear": Arm("linear", {"grids": [2]})}


def study(*data, **changes):
    given = {"floors": ["constant"], "folds": 2, "partitions": 1, "recipe": Recipe(steps=2, batch_size=4, points=2)}
    return Study("?", list(data), "constant", ARMS, **{**given, **changes})


def planned(*data):
    sets, _ = plan.locate(study(*data), fingerprint)
    return plan.cells(study(*data), sets)


def test_one_data_set_under_two_labels_has_a_section_for_each(tmp_path):
    more = {"subjects": 60, "slices": 12}
    both = [replace(each, params={**each.params, **more}) for each in (FOUND, NOTHING)]
    results = bench.run(study(*both), name="twice", results=tmp_path)
    assert {*results.scores["data"]} == {"a", "b"}
    score = results.scores.set_index(["data", "arm"])["score"]
    assert score["a", "linear"] > 0.9
    assert score["b", "linear"] < 0.8
    entries = {entry.name: entry for entry in results.report_data.results.plan.data}
    assert entries["a"].set_name == entries["b"].set_name == "phantom_order"
    assert entries["a"].changed == {"size": 16, "effect": 5.0, "slices": 12}  # 60 people are usual
    assert entries["a"].oracle > 0.95
    assert entries["b"].oracle == 0.5
    page = results.path.read_text()
    assert "a (phantom)" in page
    assert "b (phantom)" in page
    words = summary(results.report_data.results, results.report_data.tables)
    assert any("On b, 0 of 1 arms learnt where there is nothing to learn, as it should be" in each for each in words)


def test_a_label_changes_no_key():
    plain, labelled = planned(replace(FOUND, label="")), planned(FOUND)
    assert [cell.trial.key for cell in plain] == [cell.trial.key for cell in labelled]
    assert {cell.where for cell in plain} == {"phantom_order"}
    assert {cell.where for cell in labelled} == {"a"}


def test_the_same_data_under_two_labels_keep_all_their_cells():
    cells = planned(FOUND, replace(FOUND, label="same"))
    assert len(cells) == 2 * len(planned(FOUND))
    assert {cell.where for cell in cells} == {"a", "same"}


def test_a_label_has_the_division_behind_it():
    assert replace(FOUND, fraction=0.5).where == "a@50"
    assert Data("x", split="site", label="mine").where == "mine@site"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([FOUND, replace(NOTHING, label="a")], "has the data set a twice, .* label='NAME'"),
        ([replace(FOUND, label=""), replace(NOTHING, label="")], "phantom_order twice, .* label='NAME'"),
        ([replace(FOUND, label="a/b")], "letters, digits"),
        ([replace(FOUND, label="a b")], "letters, digits"),
        ([replace(FOUND, label="ad_oasis")], "is the name of a data set"),
        ([Data("phantom_order", external=replace(FOUND, name="phantom_ad"))], "has no label; give the label"),
    ],
)
def test_a_label_that_cannot_be_is_refused(data, words):
    with pytest.raises(BenchError, match=words):
        plan.locate(study(*data), fingerprint)


def test_a_phantom_that_stands_in_has_its_own_name():
    real = [Data("ad_oasis", label="old"), Data("ad_oasis", {"age": 70.0}, label="older")]
    (found,), notes = plan.locate(study(*real), fingerprint, stand_ins=True)
    assert (found.where, found.stand_in_for, len(notes)) == ("phantom_ad", "ad_oasis", 1)


def test_searches_on_labelled_data_do_not_mix():
    space = Tuning(trials=2, spaces={"net": {"lr": Floats(1e-4, 1e-2, log=True)}}, arms=["net"])
    asked = replace(study(FOUND, NOTHING, tuning=space), arms={**ARMS, "net": Arm("timm2d")})
    sets, _ = plan.locate(asked, fingerprint)
    found, _ = define_searches("twice", asked, sets)
    assert [(one.where, one.trial.fold) for one in found] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert len({one.identity for one in found}) == 4


def test_the_copies_of_a_phantom_are_the_same_scans_in_the_other_part():
    prepared = prepare("phantom_order", LEAK.params)
    images, parts = np.asarray(prepared.images()), np.array(prepared.parts)
    assert (parts[:16] == "train").all()
    assert (parts[16:] == "test").all()
    assert len(images) == 27
    assert (images[:3] == images[24:]).all()
    assert prepared.groups[:3] == prepared.groups[24:]  # preparation has seen who they are
    assert len(set(prepared.groups)) == 24


@pytest.mark.parametrize("copies", [13, -1])
def test_copies_of_more_people_than_there_are_to_copy_are_refused(copies):
    with pytest.raises(BenchError, match="copies must be"):
        registry.make("datasets", "phantom_order", {**SCANS, "copies": copies})


def test_a_planted_leak_is_caught_before_training_and_by_name(tmp_path, capsys):
    results = bench.run(study(FOUND, planted_leak=LEAK), name="planted", results=tmp_path, progress=True)
    printed = " ".join(capsys.readouterr().out.split())
    assert "planted leak leak@publisher: caught, as it should be." in printed
    assert "for example phantom-0024, whose group phantom-0000 has phantom-0000 there" in printed
    row = results.controls.set_index("control").loc["planted leak"]
    assert row["passes"]
    assert row["verdict"].startswith("caught, as it should be: the publisher's split of phantom_order divides 3 groups")
    page = results.path.read_text()
    assert "The planted leak was caught before training" in page
    assert "phantom-0000" not in page  # a report names nobody


def test_a_planted_leak_that_no_check_finds_is_an_alarm(tmp_path):
    """Folds over people keep the copies together: that is no leak, and a control that cannot fail would be none."""
    missed = replace(LEAK, split="kfold")
    results = bench.run(study(FOUND, planted_leak=missed), name="missed", results=tmp_path)
    row = results.controls.set_index("control").loc["planted leak"]
    assert not row["passes"]
    words = summary(results.report_data.results, results.report_data.tables)
    assert "The planted leak was NOT found." in words
    assert words[-1].startswith("The planted leak was not found: do not trust these scores")


def test_real_scans_cannot_be_a_planted_leak(tmp_path):
    with pytest.raises(BenchError, match="planted_leak must be a phantom"):
        bench.run(study(FOUND, planted_leak=Data("ad_oasis")), name="real", results=tmp_path)


def test_other_data_sets_come_without_the_planted_leak():
    from bench.experiments.prepare_study import StudyRequest, plan_study

    asked = StudyRequest("mine", ("phantom_ad",), built=study(FOUND, planted_leak=LEAK))
    assert plan_study(asked).study.planted_leak is None
    assert plan_study(StudyRequest("mine", built=study(FOUND, planted_leak=LEAK))).study.planted_leak == LEAK
