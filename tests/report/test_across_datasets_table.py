"""Tables over data sets and of trained models; and that better is better, whichever way a metric points."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from killable_studies import trial_of
from scipy import stats as scipy_stats
from sklearn.metrics import roc_curve
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.meta_analysis import combine_effects
from synthetic_results import AGE, MASKS, ArmSpec, DataSetSpec, with_data, write

from bench.core import Task
from bench.evaluation.metrics import METRICS
from bench.experiments import run_trial
from bench.report import context, protected_names, tables, text_formats
from bench.report.conclusions import answer
from bench.report.tables.mean_ranks_table import rankings
from bench.report.tables.model_comparison_table import trained
from bench.report.tables.operating_point_table import operating, operating_body
from bench.report.tables.pooled_contrasts_table import pooled
from bench.storage.record_store import Store
from bench.training import evaluate as runs_scores

TOY, ONE, TWO = DataSetSpec(), DataSetSpec("one"), DataSetSpec("two")


def gathered(root, arms, data=(TOY,), **plan):
    return tables.gather(write(root, arms, data, **plan), Store(root))


TASKS = {"classification": ("a", "b"), "regression": (), "segmentation": ("background", "mask")}
TESTED = sorted(name for name, metric in METRICS.items() if metric.kind in TASKS)  # others need fields of deformation


@pytest.mark.parametrize("name", TESTED)
def test_an_arm_that_is_better_is_shown_as_better_whatever_the_direction(name, tmp_path):
    metric = METRICS[name]
    task = Task(metric.kind, name, TASKS[metric.kind], "years" if metric.kind == "regression" else "")
    results = _with_predictions(tmp_path, task, {"base": False, "good": True, "awful": False})
    (found,) = tables.section_tables(results)
    rows = found.contrasts.set_index("arm")
    assert rows.loc["good", "improvement"] > 0
    assert rows.loc["good", "low"] > 0
    assert rows.loc["good", "better_share"] == 1
    assert rows.loc["good", "verdict"] == "better"
    entry = found.contrasts[found.contrasts["arm"] == "good"].iloc[0].to_dict()
    sentence = answer(found.section, entry)
    assert sentence.endswith("good is better.")
    assert ("higher" if metric.better == "higher" else "lower") + " than base" in sentence
    scores = found.scores.set_index("arm")
    assert found.section.sign * (scores.loc["good", "score"] - scores.loc["base", "score"]) > 0
    assert tables.format_tables(found)[0].columns[3].endswith("↑" if metric.better == "higher" else "↓")


@pytest.mark.parametrize("name", TESTED)
def test_an_arm_that_is_worse_is_shown_as_worse_whatever_the_direction(name, tmp_path):
    metric = METRICS[name]
    task = Task(metric.kind, name, TASKS[metric.kind])
    (found,) = tables.section_tables(_with_predictions(tmp_path, task, {"base": True, "bad": False}))
    entry = found.contrasts.iloc[0].to_dict()
    assert entry["high"] < 0
    assert answer(found.section, entry).endswith("bad is worse.")


def _with_predictions(root, task, arms):
    """A study of a task in which every fold keeps predictions, good or bad ones by any metric, and their score."""
    made = DataSetSpec(task=Task("regression", "mae", (), task.unit))
    plan = write(root, {arm: ArmSpec() for arm in arms}, (made,))
    results = tables.gather(with_data(plan, 0, task=task), Store(root))
    (section,) = results.sections
    for number, run in enumerate(section.runs):
        kept, score = _predicted(np.random.default_rng(number), METRICS[task.primary], arms[run.cell.arm])
        people = section.predictions(run)
        section._kept[run.cell.key] = {**kept, "ids": people["ids"], "groups": people["groups"]}
        for point in ("selected", "last", "validation"):
            run.record.metrics[point][task.primary] = score
    return results


def _predicted(rng, metric, good, number=20):
    """What a run has kept of a test part, and its score. Bad: noisy, shrunk to the mean, off by much, and too sure."""
    if metric.kind == "segmentation":
        height = (0.6 if good else 0.3) if metric.better == "higher" else (0.3 if good else 0.6)
        values = rng.normal(height, 0.05, number)
        return {"scan_scores": values}, float(values.mean())
    y = np.arange(number) % 2 if metric.kind == "classification" else np.linspace(20, 80, number)
    noise = np.empty(number)
    for half in (slice(0, None, 2), slice(1, None, 2)):  # alike in every part and class, but of other scans
        noise[half] = rng.permutation(scipy_stats.norm.ppf((np.arange(number // 2) + 0.5) / (number // 2)))
    if metric.kind == "regression":
        called = y + noise if good else 65 + 0.5 * (y - 50) + 8 * noise
        return {"y": y, "selected": called}, metric(y, called)
    logit = 3.0 * (2 * y - 1) + noise if good else 5 * (0.1 * (2 * y - 1) + noise)
    high = 1 / (1 + np.exp(-logit))
    called = np.stack([1 - high, high], axis=1)
    return {"y": y, "selected": called}, metric(y, called)


def test_contrasts_are_pooled_over_data_sets_of_one_metric_and_one_kind(tmp_path):
    data = [ONE, TWO, DataSetSpec("age", AGE), DataSetSpec("made", phantom=True)]
    found = tables.section_tables(gathered(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)}, data))
    frame = pooled(found)
    assert len(frame) == 1
    row = frame.iloc[0]
    entries = [each.contrasts.iloc[0] for each in found if each.section.name in ("one", "two")]
    assert (row["data"], row["sets"], row["metric"], row["data_kind"]) == ("one, two", 2, "auc", "real")
    reference = combine_effects(
        np.array([e["improvement"] for e in entries]), np.array([e["se"] ** 2 for e in entries]), method_re="dl"
    )
    assert row["improvement"] == pytest.approx(
        reference.mean_effect_re if reference.tau2 > 0 else reference.mean_effect_fe
    )


def test_a_part_of_a_data_set_is_no_further_data_set(tmp_path):
    plan = write(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)}, [ONE, DataSetSpec("one@25")])
    found = tables.section_tables(tables.gather(with_data(plan, 1, data="one"), Store(tmp_path)))
    assert pooled(found).empty
    assert tables.format_across(found) == []


def test_ranks_are_over_the_arms_that_are_complete_on_every_data_set(tmp_path):
    arms = {"base": ArmSpec(0.1), "new": ArmSpec(1.5), "mid": ArmSpec(0.7), "gone": ArmSpec(missing=[0])}
    found = tables.section_tables(
        gathered(tmp_path, arms, [ONE, DataSetSpec("age", AGE), DataSetSpec("made", phantom=True)])
    )
    (one,) = rankings(found)
    assert (one.kind, one.sets, one.left_out) == ("real", ("one", "age"), ("gone",))
    scores = pd.DataFrame(
        [f.scores.set_index("arm")["score"] * f.section.sign for f in found if not f.section.phantom]
    )[list(one.arms)]
    assert one.ranks.means == pytest.approx(scipy_stats.rankdata(-scores.to_numpy(), axis=1).mean(axis=0))
    table = tables.format_across(found)[-1]
    assert table.rows[0][0] == one.arms[0]
    assert "Critical difference (Nemenyi, 0.05)" in table.caption
    assert "Underpowered" in table.caption
    assert table.notes == ("Not complete on every data set, and not ranked: gone.",)


def test_a_report_of_several_data_sets_has_the_tables_over_all_of_them(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(0.1), "new": ArmSpec(1.5), "mid": ArmSpec(0.7)}, [ONE, TWO])
    found = tables.section_tables(results)
    known = protected_names.find_protected_names(results)
    values = context.gather(results, found, known)
    assert [table.name for table in values.across] == ["pooled", "ranks"]
    for text in (text_formats.as_markdown(values), text_formats.as_latex(values)):
        assert re.search("Pooled over data sets", text, re.IGNORECASE)
    assert {"pooled.csv", "ranks.csv", "trained.csv"} <= set(text_formats.as_csv(found, known))


def test_two_trained_models_are_compared_on_the_same_scans_of_one_pass(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(1.5)}, seeds=2, partitions=2)
    section = results.sections[0]
    row = trained(section).iloc[0]
    runs = [[run for run in section.of(arm) if run.place[::2] == (0, 0)] for arm in ("new", "base")]
    saved = [[section.predictions(run) for run in arm] for arm in runs]
    right = [np.concatenate([k["selected"].argmax(1) == k["y"] for k in arm]) for arm in saved]
    table = [[(a & b).sum() for b in (right[1], ~right[1])] for a in (right[0], ~right[0])]
    assert (row["folds"], row["scans"], row["test"]) == (5, 100, "DeLong")
    assert (row["right_alone"], row["right_alone_against"]) == (table[0][1], table[1][0])
    assert row["p_mcnemar"] == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    scores = [np.mean([METRICS["auc"](k["y"], k["selected"]) for k in arm]) for arm in saved]
    assert row["improvement"] == pytest.approx(scores[0] - scores[1])


def test_models_of_an_error_are_compared_by_permutation_and_a_smaller_one_is_an_improvement(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(5.0)}, [DataSetSpec("age", AGE)])
    row = trained(results.sections[0]).iloc[0]
    assert row["test"] == "permutation"
    assert row["improvement"] > 0
    assert math.isnan(row["p_mcnemar"])


def test_predictions_that_are_no_numbers_are_left_out_and_break_nothing(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)})
    section = results.sections[0]
    broken = section.of("new")[0]
    section.predictions(broken)["selected"][:] = np.nan
    assert trained(section).iloc[0]["folds"] == 4
    (found,) = tables.section_tables(results)
    assert np.isfinite(found.scores.set_index("arm").loc["new", "low"])


@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_is_that_of_youden_on_the_validation_part(seed):
    rng = np.random.default_rng(seed)
    y, test = rng.permutation(np.arange(40) % 2), np.arange(30) % 2
    known, result = (np.round(np.clip(0.3 * t + rng.random(len(t)) * 0.7, 0, 1), 2) for t in (y, test))
    found = runs_scores.operating_point(y, np.stack([1 - known, known], 1), test, np.stack([1 - result, result], 1))
    false, true, steps = roc_curve(y, known, drop_intermediate=False)
    assert found["threshold"] == steps[1:][np.argmax(np.round(true - false, 12)[1:])]
    assert found["sensitivity"] == np.mean(result[test == 1] >= found["threshold"])
    assert found["specificity"] == np.mean(result[test == 0] < found["threshold"])


def test_a_run_saves_the_threshold_without_changing_its_scores(cells, tmp_path):
    trial, store = trial_of(cells, "net"), Store(tmp_path)
    record = run_trial.run(trial, store)
    saved, found = store.predictions(trial.key), record.metrics["operating"]
    called = saved["selected"][:, 1] >= found["threshold"]
    assert found["sensitivity"] == called[saved["y"] == 1].mean()
    assert found["specificity"] == (~called[saved["y"] == 0]).mean()
    assert record.metrics["selected"]["sensitivity"] == METRICS["sensitivity"](saved["y"], saved["selected"])


def test_a_validation_part_of_one_class_has_no_threshold():
    p = np.full((4, 2), 0.5)
    assert all(math.isnan(value) for value in runs_scores.operating_point(np.ones(4), p, np.arange(4) % 2, p).values())


def test_operating_points_are_in_the_table_if_records_have_them(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(), "old": ArmSpec()})
    section = results.sections[0]
    assert operating(section).empty
    assert operating_body(tables.section_tables(results)[0]).rows == ()
    for number, run in enumerate(section.of("base")):
        run.record.metrics["operating"] = {"threshold": 0.3 + 0.1 * number, "sensitivity": 0.8, "specificity": 0.6}
    (row,) = operating(section).to_dict("records")
    assert (row["arm"], row["runs"], row["threshold"]) == ("base", 5, pytest.approx(0.5))
    assert operating_body(tables.section_tables(results)[0]).rows[0][3] == "[0.300, 0.700]"


def test_the_caption_names_the_interval_of_a_score(tmp_path):
    for made, words in (
        (DataSetSpec(), "logit interval"),
        (DataSetSpec(task=AGE), "percentile interval of the bootstrap"),
    ):
        results = gathered(tmp_path / made.task.kind, {"base": ArmSpec()}, [made])
        assert words in tables.format_tables(tables.section_tables(results)[0])[0].caption


def test_a_score_of_masks_has_an_interval_over_people_from_the_scores_of_their_scans(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(0.5)}, [DataSetSpec("vessels", MASKS, people=60)])
    section = results.sections[0]
    row = tables.section_tables(results)[0].scores.iloc[0]
    folds = [section.predictions(run)["scan_scores"] for run in section.of("base")]
    error = np.sqrt(1.8 * np.mean([fold.var() / len(fold) for fold in folds]) / len(folds))  # 4/5 is learnt from
    assert row["score"] == pytest.approx(np.mean([fold.mean() for fold in folds]))
    assert row["low"] == pytest.approx(row["score"] - 1.96 * error, abs=0.3 * error)
    assert row["high"] == pytest.approx(row["score"] + 1.96 * error, abs=0.3 * error)
