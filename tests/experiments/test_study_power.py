"""`bench plan` as a power planner: before a run, after it, and for data that are not prepared."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from command_line import run_command
from synthetic_results import ArmSpec, DataSetSpec, write

import bench
from bench.core import Arm, Data, DataSpec, Design, Factor, Study
from bench.experiments.plan import ResolvedData
from bench.experiments.power.noise_records import SAME, SIMILAR, method_text, recorded_noise
from bench.experiments.power.planned_tests import PlannedTest, planned_tests
from bench.experiments.power.study_power import study_power
from bench.storage.record_store import Store

TWO = {"constant": Arm("constant"), "linear": Arm("linear"), "voxels": Arm("linear", {"view.mm": 8.0})}
TEST = PlannedTest("b", "a", True, {"b": 1.0, "a": -1.0})


@pytest.fixture
def study(plugins):
    """Two fast arms against a constant one, on 24 people."""
    return Study("Q?", [Data("tiny_volumes", {"effect": 0.03})], "constant", arms=TWO, folds=3, partitions=2)


def test_before_a_run_the_plan_assumes_and_says_so(study):
    power = bench.plan(study, name="own").power
    (found,) = power.data
    assert (found.people, found.tests, found.exploratory) == (24, 2, 0)
    assert all(each.source.startswith("assumptions") for each in found.contrasts)
    lines = "\n".join(power.lines())
    assert "power on tiny_volumes: 24 people (phantoms); 2 primary tests share Holm's correction" in lines
    assert "noise from assumptions, as no similar arm has a record: binormal scores with an AUC of 0.75" in lines
    assert "3 x 2 x 1 (planned)" in lines


def test_a_difference_that_the_metric_has_no_room_for_is_not_called_shown(study):
    lines = "\n".join(bench.plan(study, name="own").power.lines(5.0))
    assert (
        "a difference of 5 in every primary contrast does not exist: AUC has room for at most 0.5 above chance" in lines
    )
    assert "the planned design is enough" not in lines


def test_the_designs_beside_the_planned_one(study):
    (found,) = bench.plan(study, name="own").power.data
    designs = [(each.people, each.partitions, each.seeds) for each in found.alternatives]
    assert designs == [(24, count, 1) for count in (1, 2, 4, 10, 20)] + [(24, 2, 2), (48, 2, 1), (96, 2, 1)]
    assert [each.trainings for each in found.alternatives] == [3, 6, 12, 30, 60, 12, 6, 6]
    assert [each.planned for each in found.alternatives].count(True) == 1
    planned = next(each for each in found.alternatives if each.planned)
    assert planned.low == found.contrasts[0].detectable
    assert math.isnan(planned.hours)


def test_after_a_run_the_plan_expects_the_error_that_the_report_has(study, one_format):
    results = bench.run(study, name="own", launcher="serial")
    (found,) = bench.plan(study, name="own").power.data
    assert {each.source for each in found.contrasts} == {SAME}
    table = results.contrasts.set_index("arm")
    for each in found.contrasts:
        assert each.se == pytest.approx(table.se[each.arm], rel=0.25)  # the expected error of such a study
        assert each.detectable == pytest.approx(table.detectable[each.arm], rel=0.35)
    assert set(table.tests) == {found.tests}
    assert all(each.hours > 0 for each in found.alternatives)


def test_another_study_on_the_same_data_lends_its_noise(tmp_path):
    plan = write(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(0.8), "c": ArmSpec(2.0)})
    texts = {cell.arm: method_text(Store(tmp_path).get(cell.key).trial) for cell in plan.cells}
    tests = [replace(TEST, arm=arm, against="reference") for arm in ("new", "known")]
    methods = {"reference": texts["a"], "known": texts["b"], "new": "another method"}
    found = recorded_noise("later", tmp_path, ResolvedData(DataSpec("ad_toy")), tests, methods)
    known, new = found["known", "reference"], found["new", "reference"]
    assert known.source == f"{SAME} of the study toy"
    assert new.source == f"{SIMILAR}: 2 contrasts of the study toy on the same data"
    own = recorded_noise("toy", tmp_path, ResolvedData(DataSpec("ad_toy")), [TEST], {})
    assert known.noise == own["b", "a"].noise != new.noise


def test_seeds_count_as_passes_over_the_people(tmp_path):
    write(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(0.8)}, [DataSetSpec(people=100)], partitions=1, seeds=3)
    item = ResolvedData(DataSpec("ad_toy", fingerprint="f"))
    (found,) = recorded_noise("toy", tmp_path, item, [TEST], {}).values()
    noise = found.noise  # every training draws other predictions, so hardly anything is stable
    assert noise.stable < 0.5 * noise.noisy


def test_records_of_other_data_or_of_one_fold_are_no_records(tmp_path):
    arms = {"a": ArmSpec(0.5, missing=(1, 2, 3, 4)), "b": ArmSpec(0.8)}
    write(tmp_path, arms)
    assert recorded_noise("toy", tmp_path, ResolvedData(DataSpec("ad_toy")), [TEST], {}) == {}
    write(tmp_path / "whole", {"a": ArmSpec(), "b": ArmSpec(0.8)})
    assert recorded_noise("toy", tmp_path / "whole", ResolvedData(DataSpec("ad_toy")), [TEST], {})
    for other in (DataSpec("ad_other"), DataSpec("ad_toy", params={"subjects": 3})):
        assert recorded_noise("toy", tmp_path / "whole", ResolvedData(other), [TEST], {}) == {}


def test_reading_records_needs_neither_torch_nor_ray(tmp_path):
    write(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(0.8)})
    program = (
        "import sys; from pathlib import Path; from bench.core import DataSpec;"
        "from bench.experiments.plan import ResolvedData;"
        "from bench.experiments.power.noise_records import recorded_noise;"
        "from bench.experiments.power.planned_tests import PlannedTest;"
        "test = PlannedTest('b', 'a', True, {'b': 1.0, 'a': -1.0});"
        f"found = recorded_noise('toy', Path({str(tmp_path)!r}), ResolvedData(DataSpec('ad_toy')), [test], {{}});"
        "print(len(found), [name for name in ('torch', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"


def test_a_study_says_what_it_cannot_decide(study):
    power = bench.plan(replace(study, partitions=1, margin=0.02), name="own").power
    (found,), lines = power.data, "\n".join(power.lines())
    assert found.tests == 4  # each contrast is also tested for equivalence
    assert found.contrasts[0].detectable > 0.5
    assert "this study cannot decide its question: no contrast can show a difference that AUC has room for" in lines
    assert "differences of the margin, 0.02, are below what it can show" in lines
    assert "3 folds x 1 partition show the variance of training with 2 degrees of freedom" in lines


def test_what_a_difference_takes(study):
    power = bench.plan(study, name="own").power
    (small,), (large,) = power.required(0.05), power.required(0.9)
    assert not small.enough
    assert small.partitions is None  # the people are too few for any number
    assert small.people is None or small.people > 24
    assert large.enough
    floor = power.data[0].between("floor")[1]
    (between,) = power.required(1.05 * floor)
    assert between.partitions > 2
    assert between.people > 24
    lines = "\n".join(power.lines(1.05 * floor))
    assert f"it takes {between.people} people at 3 x 2 x 1, or {between.partitions} partitions with 24 people" in lines


def test_the_command_prints_the_power_and_its_json(study, capsys, monkeypatch):
    status, out = run_command(capsys, monkeypatch, "plan", "--study", "tiny", "--power", "0.05")
    assert status == 0
    assert "power on tiny_volumes: 24 people (phantoms)" in out
    assert "a difference of 0.05 in every primary contrast: the planned design cannot show it" in " ".join(out.split())
    status, out = run_command(capsys, monkeypatch, "plan", "--study", "tiny", "--power", "0.05", "--json")
    power = json.loads(out)["power"]
    assert power["data"][0]["contrasts"][0]["detectable"] > 0
    assert power["data"][0]["alternatives"][0]["hours"] is None
    assert power["required"][0]["difference"] == 0.05


@pytest.mark.parametrize("difference", ["0", "-1", "nan", "inf"])
def test_a_difference_that_is_none_is_refused(plugins, capsys, monkeypatch, difference):
    status, out = run_command(capsys, monkeypatch, "plan", "--study", "tiny", "--power", difference)
    assert status == 2
    assert "--power takes a difference above 0" in out


def test_a_data_set_that_is_not_prepared_has_the_people_of_its_card():
    phantom, real = bench.plan("oasis_ad", stand_ins=True).power.data
    assert (phantom.data, phantom.people, phantom.runs) == ("phantom_ad", 60, True)
    assert (real.data, real.people, real.runs) == ("ad_oasis", 198, False)
    assert real.people_source == "its card, as it is not prepared"
    assert real.contrasts[0].detectable < phantom.contrasts[0].detectable


def test_an_unknown_number_of_people_is_said():
    study = Study("Q?", [Data("bt_mri")], "constant", arms=TWO)
    power = bench.plan(study, name="own", stand_ins=True).power
    assert power.data[-1].people is None
    lines = "\n".join(power.lines())
    assert "power on bt_mri: people unknown" in lines
    assert "cannot tell: the number of people is unknown until the data set is prepared, and its card has none" in lines


def test_people_are_given_for_a_data_set_whose_card_has_none(capsys, monkeypatch, tmp_path):
    """The command still ends as before, with what is not prepared: nothing could run."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    words = ("plan", "--study", "strong_tumours", "--datasets", "bt_mri")
    status, out = run_command(capsys, monkeypatch, *words)
    text = " ".join(out.split())
    assert status == 2
    assert "power on bt_mri: people unknown" in text
    assert "its card has none; `bench plan --people N` answers for N people" in text
    assert "bt_mri is not prepared; run: bench prepare bt_mri --from FOLDER" in text
    status, out = run_command(capsys, monkeypatch, *words, "--people", "500")
    text = " ".join(out.split())
    assert status == 2
    assert "power on bt_mri: 500 people (as given, as it is not prepared); 2 primary tests" in text
    assert "detectable in 80 % of studies at 5 x 1 x 1" in text


def test_without_prepared_data_the_cards_answer(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    status, out = run_command(capsys, monkeypatch, "plan", "--study", "data_efficiency", "--json")
    assert status == 2
    answers = json.loads(out[: out.rindex("}") + 1])["power"]["data"]
    assert [(each["data"], each["people"]) for each in answers][-1] == ("ad_oasis", 198)
    known = bench.plan("data_efficiency", stand_ins=True).power.data[-1]
    assert answers[-1]["contrasts"][0]["detectable"] == pytest.approx(known.contrasts[0].detectable)
    assert answers[-1]["tests"] == known.tests


def test_the_people_of_prepared_data_are_those_that_were_prepared(study):
    found = study_power(bench.plan(study, name="own"), people=999)
    assert [each.people for each in found.data] == [24]


def test_one_fold_cannot_be_judged():
    study = Study("Q?", [Data("phantom_ad2d", split="publisher")], "constant", arms=TWO)
    (found,) = bench.plan(study, name="own").power.data
    assert found.contrasts == ()
    assert found.problem.startswith("one fold cannot be tested")


def test_an_external_test_has_the_people_of_the_other_set(plugins):
    labels = {"healthy": "dark", "patient": "bright"}
    data = Data("tiny_volumes", external=Data("tiny_places"), labels=labels)
    (found,) = bench.plan(Study("Q?", [data], "constant", arms=TWO, folds=5), name="own").power.data
    assert found.people == 20
    assert found.design.same_people
    assert found.design.train_to_test == pytest.approx(1 / (0.8 * 4))  # test part over training part


def test_effects_and_contrasts_are_each_counted_once():
    factors = {"x": Factor({"0": {}, "1": {"a": 1}}, "0"), "y": Factor({"0": {}, "1": {"b": 1}}, "0")}
    study = Study("Q?", [Data("d")], "control", base=Arm("m"), factors=factors)
    arms = ["control", "x=1", "y=1"]
    contrasts = [("x=1", "control"), ("y=1", "control")]
    found = planned_tests(study, contrasts, [("x=1", "control")], arms, {})
    assert [(test.arm, test.against, test.primary) for test in found] == [
        ("x=1", "control", True),
        ("y=1", "control", False),
    ]
    full = replace(study, design=Design("full"))
    combinations = list(full.combinations())
    named = planned_tests(full, [], [("x: 1", "")], combinations, {})
    assert [(test.arm, test.against, test.primary) for test in named] == [("x: 1", "", True), ("y: 1", "", False)]
    assert sum(named[0].weights.values()) == pytest.approx(0)
    assert len(named[0].weights) == 4


def test_the_plan_of_pairs_counts_couples_and_not_people():
    arms = {"a": Arm("identity"), "b": Arm("affine")}
    data = Data("phantom_pairs", {"mm": 12.0, "subjects": 12})
    pairs = Study(question="q?", datasets=[data], arms=arms, reference="a", contrasts=[("b", "a")], partitions=1)
    power = bench.plan(pairs, name="pairs").power
    (found,) = power.data
    assert (found.people, found.counted) == (6, "couples")
    assert any(line.startswith("power on phantom_pairs: 6 couples ") for line in power.lines())
