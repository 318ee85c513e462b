"""Which arms have learnt anything: against a floor that looks at no scan, by independent programs."""

from __future__ import annotations

import numpy as np
import pytest
from people_oracle import over_people
from scipy import stats as oracle
from statsmodels.stats.multitest import multipletests
from synthetic_results import AGE, MASKS, ArmSpec, DataSetSpec, write

from bench import registry
from bench.core import DataSpec
from bench.experiments import plan
from bench.report import tables
from bench.report.conclusions import cautions
from bench.report.tables.above_chance_table import learning, learning_body
from bench.storage.record_store import Store

FLOOR = [0.50, 0.51, 0.49, 0.50, 0.50]
FAR, NEAR, UNDER = [0.80, 0.84, 0.79, 0.83, 0.81], [0.52, 0.47, 0.55, 0.49, 0.51], [0.48, 0.50, 0.47, 0.51, 0.49]
PLAN = {"floors": ["line", "constant"], "blind": ["constant"]}


ONE = (DataSetSpec(),)


def framed(root, arms, data=ONE, **more):
    return tables.section_tables(tables.gather(write(root, arms, data, **{**PLAN, **more}), Store(root)))


def learnt(root, arms, data=ONE, **more):
    """The table alone, without intervals over people, which take time."""
    return learning(tables.gather(write(root, arms, data, **{**PLAN, **more}), Store(root)).sections[0])


def arms_with(**scores):
    floors = {"line": ArmSpec(scores=FAR, family="floor"), "constant": ArmSpec(scores=FLOOR, family="floor")}
    return {**{name: ArmSpec(scores=each) for name, each in scores.items()}, **floors}


def test_who_beats_the_floor_has_learnt_and_who_is_no_better_has_not(tmp_path):
    found = learnt(tmp_path, arms_with(far=FAR, near=NEAR, under=UNDER))
    verdicts = dict(zip(found["arm"], found["verdict"], strict=True))
    assert verdicts == {"far": "learnt", "near": "not shown to have learnt", "under": "not learnt"}
    assert set(found["against"]) == {"constant"}


def test_it_is_the_normal_test_against_mann_whitney_with_holm_over_the_arms(tmp_path):
    (found,) = framed(tmp_path, arms_with(far=FAR, near=NEAR, under=UNDER))
    sizes = next(run.record.sizes for run in found.section.of("far"))
    positive = sizes["test"] // 2
    by_chance = (sizes["test"] + 1) / (12 * positive * (sizes["test"] - positive))
    se = np.sqrt(by_chance / 5 * (1 + 4 * sizes["train"] / sizes["test"] / 16))
    p = [2 * oracle.norm.sf(abs(np.mean(scores) - np.mean(FLOOR)) / se) for scores in (FAR, NEAR, UNDER)]
    assert found.learning["by_chance"].tolist() == pytest.approx([1.959964 * se] * 3)
    assert found.learning["p"].tolist() == pytest.approx(p)
    assert found.learning["p_holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist())
    assert set(found.learning["test"]) == {"permutation of people"}


def masks(root, arms):
    data = [DataSetSpec("vessels", MASKS, people=60)]
    return tables.gather(write(root, arms, data, **{**PLAN, "floors": ["constant"]}), Store(root)).sections[0]


def test_masks_are_tested_over_people_by_the_saved_scores_of_their_scans(tmp_path):
    arms = {"far": ArmSpec(1.5), "near": ArmSpec(0.55), "constant": ArmSpec(0.5, family="floor")}
    found = learnt(tmp_path, arms, [DataSetSpec("vessels", MASKS, people=60)], floors=["constant"])
    section = tables.gather(
        write(tmp_path, arms, [DataSetSpec("vessels", MASKS, people=60)]), Store(tmp_path)
    ).sections[0]
    kept = {arm: [section.predictions(run) for run in section.of(arm)] for arm in arms}
    expected = []
    for arm in ("far", "near"):
        gaps = [
            one["scan_scores"] - other["scan_scores"] for one, other in zip(kept[arm], kept["constant"], strict=True)
        ]
        strata, people = [np.zeros(len(gap), int) for gap in gaps], [one["groups"] for one in kept[arm]]
        expected.append(over_people(gaps, strata, people, 38, 12, 5))
    assert found["p"].tolist() == pytest.approx([each.p for each in expected])
    reach = [oracle.t.ppf(0.975, each.df) * each.se for each in expected]
    assert found["by_chance"].tolist() == pytest.approx(reach)
    assert set(found["test"]) == {"contrast"}
    assert found["verdict"].tolist()[0] == "learnt"


def test_masks_without_saved_scores_are_not_judged(tmp_path):
    arms = {"far": ArmSpec(1.5), "constant": ArmSpec(0.5, family="floor")}
    results = tables.gather(
        write(tmp_path, arms, [DataSetSpec("vessels", MASKS)], **{**PLAN, "floors": ["constant"]}), Store(tmp_path)
    )
    for run in results.sections[0].runs:
        results.sections[0]._kept[run.cell.key] = {}
    found = learning(results.sections[0])
    assert found["verdict"].tolist() == [
        "not tested: no predictions are saved for some fold, or they are not finite or of other scans"
    ]


def test_who_makes_no_error_in_any_fold_has_learnt(tmp_path):
    arms = {"net": ArmSpec(scores=[1.0] * 5), "constant": ArmSpec(scores=[0.5] * 5, family="floor")}
    found = learnt(tmp_path, arms, floors=["constant"])
    assert found["verdict"].tolist() == ["learnt"]
    assert found["p_holm"].iloc[0] < 1e-6


def test_one_fold_is_no_test(tmp_path):
    arms = {"net": ArmSpec(scores=[1.0]), "constant": ArmSpec(scores=[0.5], family="floor")}
    found = learnt(tmp_path, arms, floors=["constant"], folds=1)
    assert found["verdict"].iloc[0] == "not tested: with one fold the variance of training is unknown"


def test_without_an_effect_no_arm_is_reported_as_learnt(tmp_path):
    rng, claims = np.random.default_rng(0), 0
    for study in range(10):
        arms = {f"arm{n}": ArmSpec(scores=(0.5 + 0.04 * rng.normal(size=5)).tolist()) for n in range(4)}
        arms["constant"] = ArmSpec(scores=[0.5] * 5, family="floor")
        claims += (learnt(tmp_path / str(study), arms, floors=["constant"])["verdict"] == "learnt").any()
    assert claims <= 2  # of 10 studies; a rate of 5 % exceeds that once in a hundred


def test_a_smaller_error_is_more_learnt(tmp_path):
    arms = {
        "net": ArmSpec(scores=[6.0, 6.4, 5.6, 6.3, 5.7]),
        "constant": ArmSpec(scores=[12.0, 12.4, 11.7, 12.2, 11.9]),
    }
    found = learnt(tmp_path, arms, [DataSetSpec("age", AGE)], floors=["constant"])
    assert found["verdict"].tolist() == ["learnt"]
    assert found["improvement"].iloc[0] == pytest.approx(6.04)


def test_no_arm_is_compared_with_itself(tmp_path):
    arms = {"constant": ArmSpec(scores=[0.5] * 5), "net": ArmSpec(scores=[0.4] * 5)}
    found = framed(tmp_path, arms, floors=[])[0]
    assert found.section.plan.blind == ("constant",) or list(found.section.plan.blind) == ["constant"]
    assert found.learning["arm"].tolist() == ["net"]


def test_the_report_lists_who_has_not_learnt(tmp_path):
    (found,) = framed(tmp_path, arms_with(far=FAR, near=NEAR, under=UNDER))
    (words,) = (each for each in cautions(found) if each.startswith("Not learnt"))
    assert words.startswith("Not learnt: under is no better than constant, which looks at no scan.")
    assert not [
        each for each in cautions(framed(tmp_path / "b", arms_with(far=FAR))[0]) if each.startswith("Not learnt")
    ]
    rows = learning_body(found).rows
    assert [(row[0], row[-1]) for row in rows][-1] == ("under", "not learnt")


def test_an_arm_without_runs_is_not_judged_and_a_study_without_such_a_floor_has_no_table(tmp_path):
    found = learnt(tmp_path, {**arms_with(far=FAR), "gone": ArmSpec(missing=range(5))})
    assert found["verdict"].tolist() == ["learnt", "not tested: no fold has both arms"]
    results = tables.gather(
        write(tmp_path / "bare", arms_with(far=FAR), **{**PLAN, "blind": []}), Store(tmp_path / "bare")
    )
    (bare,) = tables.section_tables(results)
    assert bare.learning.empty
    assert "learning" not in {table.name for table in tables.format_tables(bare)}


def test_the_plan_says_which_arms_look_at_no_scan(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    study = registry.study("quickstart")
    cells = plan.cells(study, [DataSpec("phantom_ad", fingerprint="f")])
    assert plan.write("quickstart", study, [], cells).blind == ("constant",)
