"""The noise of seeds and of folds, what choosing on test flatters, and labels that mean nothing for several methods."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench import registry
from bench.core import Arm, Data, DataSpec, RandomLabels, Study
from bench.experiments import plan
from bench.experiments.plan import ResolvedData
from bench.report import tables
from bench.report.tables.scores_table import scores
from bench.report.tables.variance_table import noise, variances
from bench.storage.record_store import Store

DATA = (DataSetSpec(),)


def section_of(root, arms, made=DATA, **entries):
    (section,) = tables.gather(write(root, arms, made, **entries), Store(root)).sections
    return section


def test_the_parts_of_the_variance_are_those_of_a_mixed_model():
    from statsmodels.formula.api import mixedlm

    rng = np.random.default_rng(0)
    folds = rng.normal(0.7, 0.08, 10)
    scores = {(f // 5, f % 5, s): folds[f] + rng.normal(0, 0.03) for f in range(10) for s in range(4)}
    rows = pd.DataFrame([{"score": v, "place": f"{p}.{f}"} for (p, f, _), v in scores.items()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = mixedlm("score ~ 1", rows, groups="place").fit(reml=True)
    found = variances(scores)
    assert found["sd_seeds"] ** 2 == pytest.approx(fitted.scale, rel=1e-3)
    assert found["sd_folds"] ** 2 == pytest.approx(fitted.cov_re.iloc[0, 0], rel=1e-3)
    assert found["share_seeds"] == pytest.approx(fitted.scale / (fitted.scale + fitted.cov_re.iloc[0, 0]), rel=1e-3)
    means = rows.groupby("place")["score"].mean()
    assert found["sd_all_seeds"] == pytest.approx(means.std(ddof=1))


def test_folds_without_all_seeds_are_left_out_and_one_seed_has_no_noise():
    scores = {(0, f, s): 0.5 + 0.1 * f + 0.01 * s for f in range(3) for s in range(2)}
    assert variances(scores)["folds"] == 3
    assert variances({**scores, (0, 1, 1): math.nan})["folds"] == 2
    assert variances({cell: score for cell, score in scores.items() if cell[2] == 0}) == {}
    assert variances({}) == {}


def test_an_arm_that_no_seed_changes_has_no_noise_of_seeds(tmp_path):
    arms = {"net": ArmSpec(0.5), "floor": ArmSpec(scores=[0.6, 0.7, 0.8])}
    frame = noise(section_of(tmp_path, arms, folds=3, seeds=3)).set_index("what")
    assert frame.loc["floor", "sd_seeds"] == pytest.approx(0, abs=1e-12)
    assert frame.loc["floor", "sd_folds"] == pytest.approx(0.1)
    assert frame.loc["net", "share_seeds"] > 0
    assert frame.loc["floor less net", "seeds"] == 3


def test_a_study_of_one_seed_has_no_table_of_noise(tmp_path):
    results = tables.gather(write(tmp_path, {"a": ArmSpec(), "b": ArmSpec()}, folds=2), Store(tmp_path))
    (found,) = tables.section_tables(results)
    assert "noise" not in {table.name for table in tables.format_tables(found)}


@pytest.mark.parametrize("task", ["classes", "age"])
def test_the_interval_of_flattery_is_the_corrected_one_over_folds(task, tmp_path):
    made = DataSetSpec(task=AGE) if task == "age" else DataSetSpec()
    section = section_of(tmp_path, {"net": ArmSpec(0.5), "other": ArmSpec(0.6)}, (made,), folds=4)
    runs = section.of("net")
    for number, run in enumerate(runs):
        best = run.record.metrics["selected"][made.task.primary] + section.sign * 0.01 * number
        run.record.metrics["audit"]["best_of_all"] = best
    row = scores(section).set_index("arm").loc["net"]
    gains = 0.01 * np.arange(4)
    ratio = np.mean([run.record.sizes["test"] / run.record.sizes["train"] for run in runs])
    reach = scipy_stats.t.ppf(0.975, 3) * math.sqrt(gains.var(ddof=1) * (1 / 4 + ratio))
    assert row["flattery"] == pytest.approx(0.015)
    assert (row["flattery_low"], row["flattery_high"]) == pytest.approx((0.015 - reach, 0.015 + reach))


def test_random_labels_are_judged_for_every_arm_that_learns_from_them(tmp_path):
    arms = {"one": ArmSpec(0.5), "two": ArmSpec(0.5), "three": ArmSpec(0.5)}
    entries = {"random_labels": {"arm": ["one", "three"], "permutations": 20}}
    results = tables.gather(write(tmp_path, arms, (DataSetSpec(people=60),), folds=2, **entries), Store(tmp_path))
    (found,) = tables.section_tables(results)
    judged = found.controls[found.controls["control"] == "random labels"]
    assert list(judged["arm"]) == ["one", "three"]
    assert list(judged["planned"]) == [40, 40]


def test_each_arm_of_the_random_labels_has_cells_of_its_own():
    study = Study(
        "?", [Data("phantom_ad")], "net", {name: Arm("constant") for name in ("net", "other", "rest")},
        random_labels=RandomLabels(("net", "other"), permutations=3), folds=2,
    )  # fmt: skip
    cells = plan.cells(study, [DataSpec("phantom_ad", fingerprint="f")])
    counted = [cell.arm for cell in cells if cell.role == "random_labels"]
    assert {arm: counted.count(arm) for arm in counted} == {"net": 6, "other": 6}
    assert study.partitions > 1  # of which random labels have the first: their spread is over permutations
    assert {cell.trial.partition for cell in cells if cell.role == "random_labels"} == {0}


@pytest.mark.parametrize("name", ["selection_audit", "random_labels", "seeds"])
def test_a_study_of_noise_keeps_its_question_in_its_light_form(name):
    study = registry.study(name)
    plan.check(study, name)
    twin = ResolvedData(DataSpec("phantom_ad", fingerprint="f"), "ad_oasis")
    light, notes = plan.lightened(study, [twin])
    assert "light form" in notes[0]
    assert light.recipe.steps < study.recipe.steps
    assert light.seeds == (3 if name == "seeds" else 1)
    if name == "random_labels":
        assert light.random_labels.permutations >= 20
