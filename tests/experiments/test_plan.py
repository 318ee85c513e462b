"""Promises of bench.experiments.plan: which trials a study is, in which order, on which data."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest

from bench import registry
from bench.core import Arm, BenchError, Data, DataSpec, Factor, Labels, Recipe, Spec, Split, Trial, digest, plain
from bench.experiments import plan

DATA = DataSpec("tiny_volumes", fingerprint="f")


@pytest.fixture
def study(plugins):
    return registry.study("tiny")


def test_a_study_is_the_grid_of_its_arms_with_its_controls(study):
    cells = plan.cells(study, [DATA])
    counts = {}
    for cell in cells:
        counts[cell.role, cell.arm] = counts.get((cell.role, cell.arm), 0) + 1
    assert counts == {
        ("arm", "constant"): 2,
        ("arm", "net"): 2,
        ("arm", "student"): 2,
        ("arm", "fading"): 2,
        ("again", "net (A/A)"): 2,
        ("random_labels", "constant"): 4,
    }


def test_a_teacher_that_is_an_arm_is_trained_once(study):
    cells = plan.cells(study, [DATA])
    waves = plan.waves(cells)
    assert len({cell.trial.key for cell in cells}) == sum(len(wave) for wave in waves) == 14
    assert {trial.method.name for trial in waves[1]} == {"tiny_student"}


def test_a_teacher_that_is_no_arm_is_a_cell_of_its_own(study):
    alone = replace(study, arms={"student": study.arms["student"]}, again=None, random_labels=None, reference="student")
    cells = plan.cells(alone, [DATA])
    assert [cell.role for cell in cells] == ["upstream", "arm", "upstream", "arm"]
    assert cells[0].trial.fold == cells[1].trial.fold
    assert cells[0].trial.method.name == "tiny_net"


def test_the_same_arm_again_has_other_seeds_and_the_same_folds(study):
    cells = plan.cells(study, [DATA])
    seeds = {cell.role: cell.trial.seed for cell in cells if cell.arm.startswith("net")}
    assert seeds == {"arm": 0, "again": 1}


def test_contrasts_leave_out_the_floors(study):
    assert plan.contrasts(study) == [("student", "net"), ("fading", "net")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "nett"}, "no arm 'nett'; did you mean 'net'"),
        ({"floors": ["constnt"]}, "did you mean 'constant'"),
        ({"contrasts": [("net", "studen")]}, "did you mean 'student'"),
        ({"primary": [("net", "student")]}, "none of its contrasts"),
        ({"primary": ["size"]}, "primary names the factor 'size'"),
        ({"again": "ne"}, "did you mean 'net'"),
        ({"arms": {"net": Arm("tiny_nett")}}, "no method 'tiny_nett'; did you mean 'tiny_net'"),
        ({"arms": {"net": Arm("tiny_net", {"lrr": 1})}}, "no parameter 'lrr'; did you mean 'lr'"),
        ({"arms": {"net": Arm("tiny_net", {}, "tiny_fadin")}}, "did you mean 'tiny_fading'"),
        ({"arms": {}}, "no arms"),
        ({"missing": "ignore"}, "'stop' or 'skip'"),
    ],
)
def test_a_study_that_cannot_be_built_is_refused(study, change, message):
    with pytest.raises(BenchError, match=message):
        plan.check(replace(study, **change), "tiny")


def test_a_selected_arm_includes_its_teacher(study):
    cells = plan.cells(study, [DATA])
    chosen = plan.select_arms(study, "tiny", cells, ["student"])
    assert {cell.arm for cell in chosen} == {"student", "net"}
    with pytest.raises(BenchError, match="did you mean 'student'"):
        plan.select_arms(study, "tiny", cells, ["studnt"])


REAL = Data("ad_oasis")


def prepared(*names):
    return lambda name, params: "mark" if name in names else None


def test_a_real_set_is_taken_where_it_is_prepared(study):
    found, notes = plan.locate(replace(study, datasets=[REAL]), prepared("ad_oasis"))
    assert [item.spec.name for item in found] == ["ad_oasis"]
    assert notes == []


def test_a_missing_set_stops_where_a_data_root_is_configured(study):
    with pytest.raises(BenchError, match="bench prepare ad_oasis --from FOLDER"):
        plan.locate(replace(study, datasets=[REAL]), prepared())


def test_the_command_that_prepares_a_missing_set_has_its_parameters(study):
    """Without them it prepared another set, and the study still stopped."""
    requested = replace(study, datasets=[Data("roi_ixi", {"mm": 6.0})])
    with pytest.raises(BenchError, match=r"bench prepare roi_ixi --set mm=6\.0 --from FOLDER "):
        plan.locate(requested, prepared())


def test_stand_ins_are_used_on_request(study):
    found, notes = plan.locate(replace(study, datasets=[REAL]), prepared(), stand_ins=True)
    assert [(item.spec.name, item.stand_in_for) for item in found] == [("phantom_ad", "ad_oasis")]
    assert "stands in" in notes[0]


def test_stand_ins_are_taken_where_nothing_is_configured_and_nothing_prepared(study, monkeypatch):
    monkeypatch.delenv("BENCH_DATA")
    requested = replace(study, datasets=[REAL, Data("roi_ixi")])
    found, notes = plan.locate(requested, prepared())
    assert [item.spec.name for item in found] == ["phantom_ad"]
    assert "roi_ixi is not prepared and left out" in notes[1]
    with pytest.raises(BenchError, match="ad_oasis is not prepared"):
        plan.locate(requested, prepared("roi_ixi"))


def test_a_study_may_skip_what_is_missing(study):
    requested = replace(study, datasets=[REAL, Data("age_oasis")], missing="skip")
    found, notes = plan.locate(requested, prepared("age_oasis"))
    assert [item.spec.name for item in found] == ["age_oasis"]
    assert "left out" in notes[0]
    with pytest.raises(BenchError, match="no data set of this study can be used"):
        plan.locate(requested, prepared())


def test_another_teacher_makes_another_student(study, monkeypatch):
    student = {cell.arm: cell.trial for cell in plan.cells(study, [DATA])}["student"]
    assert student.upstream == (plan.needed_by(student)[0].key,)
    monkeypatch.setattr(registry.member("methods", "tiny_net"), "version", 2)
    changed = {cell.arm: cell.trial for cell in plan.cells(study, [DATA])}["student"]
    assert changed.method == student.method
    assert changed.key != student.key


def test_a_view_that_shows_scans_differently_makes_other_trials(study, monkeypatch):
    keys = {cell.trial.key for cell in plan.cells(study, [DATA])}
    monkeypatch.setattr("bench.views.Volume.version", 2)
    changed = plan.cells(study, [DATA])
    assert not keys & {cell.trial.key for cell in changed}
    plan.waves(changed)


def test_an_unknown_control_level_names_the_nearest(study):
    factors = {"dropout": Factor({"none": {}, "half": {"dropout": 0.5}}, "hal")}
    with pytest.raises(BenchError, match="no level 'hal'; did you mean 'half'"):
        plan.check(replace(study, base=Arm("tiny_net"), factors=factors), "tiny")
    whole = {"dropout": replace(factors["dropout"], control="half")}
    with pytest.raises(BenchError, match="no base"):
        plan.check(replace(study, factors=whole), "tiny")


def test_one_data_set_with_two_sets_of_parameters_is_refused(study):
    twice = replace(study, datasets=[Data("tiny_volumes"), Data("tiny_volumes", {"effect": 0.0})])
    with pytest.raises(BenchError, match="has the data set tiny_volumes twice"):
        plan.locate(twice, lambda name, params: "mark")


PLAIN = Trial(DataSpec("ad_toy", fingerprint="f"), Spec("net", 1, {"rate": 0.001}))
FULL = Trial(
    DataSpec("ad_toy", 2, {"age": 60.0}, "abc"), Spec("student", 3, {"view": {"kind": "dynamic"}, "tags": ["a", "b"]}),
    Split("site", 4, 0.5), Labels("permuted", 7), Spec("fading", 1, {"blur": 1.0}), 2, 3, 4,
    Recipe(steps=10, precision="bf16"), ("k1", "k2"),
)  # fmt: skip


def test_keys_are_what_they_were_when_trials_of_protocol_2_were_first_stored(study):
    assert PLAIN.key == "92cd020514d16cf355e8"
    assert FULL.key == "cd616ae48e7cc79d51b5"
    assert digest([cell.trial.key for cell in plan.cells(study, [DATA])]) == "24263bbf78890fd6665c"


@pytest.mark.parametrize("trial", [PLAIN, FULL])
def test_a_key_is_the_digest_of_the_trial_in_canonical_form(trial):
    entry = {"protocol": 2, **plain(trial)}
    entry["labels"] = {k: v for k, v in entry["labels"].items() if v or k != "share"}  # which came later
    assert trial.key == digest({k: v for k, v in entry.items() if v or k not in ("upstream", "external", "held_out")})


def test_computing_a_key_changes_nothing():
    requested, other = replace(FULL), replace(FULL)
    assert requested.key
    assert requested == other
    assert pickle.dumps(requested) == pickle.dumps(copy.deepcopy(other))
    assert pickle.loads(pickle.dumps(requested)).key == copy.copy(requested).key == FULL.key
    assert replace(requested, seed=5).key != FULL.key


def test_a_method_is_built_once_for_all_its_cells(study, monkeypatch):
    made, make = [], registry.make
    monkeypatch.setattr(registry, "make", lambda kind, name, params=None: made.append(name) or make(kind, name, params))
    many = replace(study, seeds=3, partitions=4)
    built = len(made)
    cells = plan.cells(many, [DATA])
    assert len(cells) > 100
    assert made[built:].count("tiny_student") <= 2  # of the arm, and of the cells


def test_a_cell_lists_the_trials_that_must_be_finished_before_it(study):
    for cell in plan.cells(study, [DATA]):
        assert list(cell.before) == plan.upstream_of(cell.trial)
        assert [trial.key for trial in plan.needed_by(cell.trial)] == list(cell.trial.upstream)


def test_arms_that_differ_in_the_view_alone_are_one_arm_on_images():
    from bench.core import Study
    from bench.experiments.plan import ResolvedData, cells, repeated_arms

    study = Study(
        question="?",
        datasets=[Data("phantom_bt_ct"), Data("phantom_ad")],
        reference="slice",
        arms={
            "dynamic": Arm("timm2d"),
            "slice": Arm("timm2d", {"view": "slice"}),
            "wide": Arm("timm2d", {"network": "resnet34", "view": "slice"}),
            "pools itself": Arm("dclse", {"view": "volume"}),
            "pooled": Arm("dclse"),
        },
    )
    images, volumes = (ResolvedData(registry.spec("datasets", name)) for name in ("phantom_bt_ct", "phantom_ad"))
    assert repeated_arms(study, images) == {"dynamic": "slice"}  # the reference stays
    assert repeated_arms(study, volumes) == {}
    planned = {(cell.trial.data.name, cell.arm) for cell in cells(study, [images, volumes])}
    assert ("phantom_bt_ct", "dynamic") not in planned
    assert ("phantom_ad", "dynamic") in planned
    assert ("phantom_bt_ct", "pools itself") in planned  # it is refused there, with its reason


@pytest.mark.parametrize("label", ["", " ", "two\nlines", "turned \u202e round", "a\ttab"])
def test_a_label_is_one_line_that_can_be_read(study, label):
    with pytest.raises(BenchError, match="one line of printable characters"):
        plan.check(replace(study, arms={**study.arms, label: study.arms["net"]}), "tiny")
