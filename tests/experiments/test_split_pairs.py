"""Splits that a study compares: what it may name, and what the plan makes of it."""

from __future__ import annotations

import json

import pytest

from bench import registry
from bench.core import Arm, BenchError, Data, DataSpec, Study
from bench.core.study_plan import StudyPlan
from bench.experiments.plan import cells, check, check_splits, plan_file
from bench.experiments.plan.resolve_data import ResolvedData
from bench.experiments.plan.split_pairs import renamed, split_pairs

PAIR = ("bt_mri@publisher", "bt_mri")


def study(pair=PAIR, data=None, **changes):
    sets = data or [Data("bt_mri", {"size": 96}, split="publisher"), Data("bt_mri", {"size": 96})]
    return Study("?", sets, "net", {"net": Arm("constant")}, split_contrasts=[pair], **changes)


@pytest.mark.parametrize(
    ("pair", "data", "words"),
    [
        (
            ("bt_mri@publishers", "bt_mri"),
            None,
            "names the data 'bt_mri@publishers', .* did you mean 'bt_mri@publisher'",
        ),
        (("bt_mri", "bt_mri"), None, "compares the data 'bt_mri' with itself"),
        (("bt_mri", "bt_ct"), [Data("bt_mri"), Data("bt_ct")], "which are different data sets"),
        (PAIR, [Data("bt_mri", {"size": 96}, split="publisher"), Data("bt_mri")], "have different parameters"),
        (
            ("age_ixi@age_oasis", "age_ixi"),
            [Data("age_ixi", external=Data("age_oasis")), Data("age_ixi")],
            "one of them is tested on another data set",
        ),
    ],
)
def test_a_pair_that_is_no_two_splits_of_one_set_is_refused(pair, data, words):
    with pytest.raises(BenchError, match=words):
        check_splits(study(pair, data), "toy")


def test_a_pair_of_splits_may_be_primary():
    declared = study(primary=[PAIR])
    check(declared, "toy")
    check_splits(declared, "toy")


def resolved(name, split="kfold", stands=None):
    return ResolvedData(DataSpec(name, 1, registry.spec("datasets", name).params), stands, split)


def test_the_plan_names_the_phantom_that_stands_in():
    declared = study(("bt_mri@25", "bt_mri"), [Data("bt_mri", fraction=0.25), Data("bt_mri")])
    part, whole = (resolved("phantom_bt_mri", stands="bt_mri") for _ in range(2))
    part = ResolvedData(part.spec, "bt_mri", fraction=0.25)
    pairs = split_pairs(declared, [part, whole])
    assert pairs == {("bt_mri@25", "bt_mri"): ("phantom_bt_mri@25", "phantom_bt_mri")}
    assert renamed([("a", "b"), ("bt_mri@25", "bt_mri")], pairs) == [
        ("a", "b"),
        ("phantom_bt_mri@25", "phantom_bt_mri"),
    ]


def test_a_pair_of_which_a_set_is_not_run_is_left_out():
    assert split_pairs(study(), [resolved("bt_mri")]) == {}


def test_the_plan_keeps_the_pairs(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    sets = [Data("phantom_ad", fraction=0.25), Data("phantom_ad")]
    declared = study(("phantom_ad@25", "phantom_ad"), sets, primary=[("phantom_ad@25", "phantom_ad")])
    spec = DataSpec("phantom_ad", 1, registry.spec("datasets", "phantom_ad").params)
    data = [ResolvedData(spec, fraction=0.25), ResolvedData(spec)]
    written = plan_file.write("toy", declared, data, cells(declared, data))
    assert written.split_contrasts == written.primary == (("phantom_ad@25", "phantom_ad"),)
    read = StudyPlan.from_json(json.loads((tmp_path / "toy" / "plan.json").read_text()))
    assert read.split_contrasts == written.split_contrasts
    assert read.is_primary("phantom_ad@25", "phantom_ad")


@pytest.mark.parametrize("name", ["bt_mri_leak", "ad_mri2d_leak"])
def test_the_leak_studies_compare_their_splits(name):
    declared = registry.study(name)
    check_splits(declared, name)
    assert declared.primary == declared.split_contrasts == [tuple(data.where for data in declared.datasets)]
