"""Splits that a study compares, from the plan to the report: what they could show, and what they showed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from synthetic_results import ArmSpec, write

import bench
from bench.core import Arm, Data, DataSpec, Study
from bench.evaluation.noise_model import estimate_noise
from bench.experiments.plan import ResolvedData
from bench.experiments.power.noise_records import own_noise
from bench.experiments.power.planned_tests import PlannedTest
from bench.experiments.power.split_forms import SplitPower
from bench.report.tables.effects_table import differences
from bench.report.tables.person_differences import fold_differences
from bench.report.tables.results import gather
from bench.storage.record_store import Store
from bench.storage.stored_plan import read_plan

ARMS = {"constant": Arm("constant"), "linear": Arm("linear")}
PUBLISHER, PART = ("tiny_places@publisher", "tiny_places"), ("tiny_places@50", "tiny_places")


@pytest.fixture
def study(plugins):
    """A publisher's split and a half of the training people against folds; 20 people, one fold of publisher's."""
    sets = [
        Data("tiny_places", split="publisher", leak="shown"),
        Data("tiny_places", fraction=0.5),
        Data("tiny_places"),
    ]
    pairs = [PUBLISHER, PART]
    return Study(
        "Q?",
        sets,
        "constant",
        arms=ARMS,
        floors=["constant"],
        split_contrasts=pairs,
        primary=[PUBLISHER],
        folds=2,
        partitions=1,
        seeds=2,
    )


def test_the_plan_says_what_a_comparison_of_splits_could_show(study):
    power = bench.plan(study, name="own").power
    publisher, part = power.splits
    assert (publisher.people, publisher.shared, publisher.tests, publisher.primary) == (7, 7, 1, True)
    assert (part.primary, list(part.detectable)) == (False, ["linear"])
    assert 0 < publisher.floor["linear"] <= publisher.detectable["linear"]
    lines = "\n".join(power.lines(0.01))
    assert (
        "power of tiny_places@publisher against tiny_places, arm by arm: 7 people, 7 of them under both; 1 primary test"
        in lines
    )
    assert (
        "power of tiny_places@50 against tiny_places, arm by arm: 20 people, 20 of them under both; exploratory"
        in lines
    )
    assert "a difference of 0.01: the planned design cannot show it" in lines
    assert json.dumps(power.summary(0.01))


def test_the_comparisons_count_in_the_correction_of_all_tests(study, plugins):
    declared = Study("Q?", study.datasets, "constant", arms=ARMS, split_contrasts=[PUBLISHER], folds=2, partitions=10)
    power = bench.plan(declared, name="own").power
    assert power.splits[0].tests == 1 + 3  # an arm under two splits, and a contrast of arms on each of three sets
    assert {each.tests for each in power.data} == {4}


def test_a_single_training_beside_few_cannot_be_judged(study):
    one = bench.plan(replace(study, seeds=1), name="own").power.splits[0]
    assert one.lines()[1].startswith("  cannot tell: one training under a split, and fewer than 20 under the other")


def test_a_difference_beyond_the_range_of_the_metric_is_out_of_reach():
    power = SplitPower("x@publisher", "x", "AUC", "", 7, 7, 1, True, ("s",), {"a": 1.2}, {"a": 1.1}, room=1.0)
    assert power.lines()[-1] == "  this study cannot decide its question: AUC allows 1 at most"


def test_a_run_compares_the_splits(study, one_format):
    linear = {"linear": Arm("linear")}
    sets = [data for data in study.datasets if data.fraction == 1]
    short = replace(study, datasets=sets, arms=linear, floors=[], reference="linear", split_contrasts=[PUBLISHER])
    results = bench.run(short, name="own", launcher="serial")
    (row,) = results.splits.to_dict("records")
    assert (row["data"], row["arm"], row["over"]) == ("tiny_places@publisher", "linear", "tiny_places")
    assert (row["people_shared"], row["training_from"]) == (7, "borrowed, and its seeds")
    scores = results.scores.set_index("data")["score"]
    assert row["improvement"] == pytest.approx(scores["tiny_places@publisher"] - scores["tiny_places"])


def test_the_noise_of_one_arm_is_that_of_its_own_records(tmp_path):
    write(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(0.8)})
    item = ResolvedData(DataSpec("ad_toy", fingerprint="f"))
    found = own_noise("toy", tmp_path, item, [PlannedTest(arm, "", True, {arm: 1.0}) for arm in "ab"])
    assert set(found) == {("a", ""), ("b", "")}
    (section,) = gather(read_plan(tmp_path / "toy" / "plan.json"), Store(tmp_path)).sections
    folds = fold_differences(section, differences(section, {"a": 1.0}))
    noise, source = found["a", ""]
    assert noise == estimate_noise(folds)
    assert noise.stable + noise.noisy > 0
    assert source == "earlier records of the same arms and data"
