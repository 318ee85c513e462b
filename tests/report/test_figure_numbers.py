"""What the figures of predictions draw, read back from their lines and shades, equals scikit-learn's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve
from synthetic_results import AGE, MASKS, ArmSpec, DataSetSpec, write

from bench.core import Task
from bench.report import tables
from bench.report.figures.bland_altman_figure import draw_agreement
from bench.report.figures.calibration_figure import draw_reliability
from bench.report.figures.confusion_figure import draw_confusion
from bench.report.figures.pareto_figure import pareto_front
from bench.report.figures.score_distribution_figure import draw_distribution
from bench.report.figures.threshold_curves import draw_curves
from bench.report.tables import arm_selection
from bench.report.tables.calibration import reliability
from bench.report.tables.roc_curves import bands, curve
from bench.storage.record_store import Store

FOUR = np.array(["glioma", "meningioma", "none", "pituitary"])


def section_of(root, arms, made=None, **plan):
    results = tables.gather(write(root, arms, [made or DataSetSpec()], **plan), Store(root))
    return tables.section_tables(results)[0].section


def folds_of(section, arm):
    return [section.predictions(run) for run in section.of(arm) if run.done]


def test_the_curve_of_one_model_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    score = np.round(y + rng.normal(0, 1, 200), 1)  # with ties
    x, found = curve(y == 1, score, "roc")
    known = roc_curve(y, score)
    assert np.array_equal(x, known[0])
    assert np.array_equal(found, known[1])
    x, found = curve(y == 1, score, "precision_recall")
    precision, recall, _ = precision_recall_curve(y, score)
    assert set(zip(x, found, strict=True)) <= set(zip(recall, precision, strict=True))
    assert np.sum(np.diff(x) * found[1:]) == pytest.approx(average_precision_score(y, score), abs=1e-12)


@pytest.mark.parametrize(("kind", "score"), [("roc", roc_auc_score), ("precision_recall", average_precision_score)])
def test_the_area_of_a_mean_curve_is_the_mean_of_the_folds_areas(kind, score, tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.6), "b": ArmSpec(1.2)})
    band = bands(section, "a", kind)
    drawn = draw_curves({"a": band}, kind)
    line = drawn.axes[0].lines[0]
    x, y = line.get_xdata(), line.get_ydata()
    area = np.trapezoid(y, x) if kind == "roc" else np.sum(np.diff(x) * y[1:])
    known = [score(remaining["y"], remaining["selected"][:, 1]) for remaining in folds_of(section, "a")]
    assert area == pytest.approx(np.mean(known), abs=1e-12)
    assert band.folds == 5
    assert (band.low <= band.mean + 1e-12).all()
    assert (band.mean <= band.high + 1e-12).all()
    assert f"{np.mean(known):.3f}" in " ".join(text.get_text() for text in drawn.axes[0].texts)


def test_the_mean_curve_is_no_curve_of_pooled_models(tmp_path):
    """Two models with equal ranks and different probabilities: each is perfect, and so is their mean."""
    section = section_of(tmp_path, {"a": ArmSpec(1)}, folds=2)
    for shift, run in zip((0.0, 0.6), section.of("a"), strict=True):
        saved = dict(section.predictions(run))
        high = shift + 0.2 * saved["y"]
        section._kept[run.cell.key] = {**saved, "selected": np.stack([1 - high, high], axis=1)}
    assert bands(section, "a", "roc").area == 1


def test_several_classes_are_the_mean_of_each_against_the_rest(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.5)}, folds=2)
    rng, known = np.random.default_rng(1), []
    for run in section.of("a"):
        y = rng.permutation(np.repeat(np.arange(4), 15))
        p = rng.dirichlet(np.ones(4), 60) + np.eye(4)[y] * 0.3
        section._kept[run.cell.key] = {"y": y, "selected": p / p.sum(1, keepdims=True)}
        known.append(roc_auc_score(y, p / p.sum(1, keepdims=True), multi_class="ovr"))
    assert bands(section, "a", "roc").area == pytest.approx(np.mean(known), abs=1e-12)


def test_a_fold_without_a_class_is_left_out_and_without_any_fold_there_is_no_curve(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.5)})
    first = section.of("a")[0]
    saved = dict(section.predictions(first))
    section._kept[first.cell.key] = {**saved, "y": np.zeros_like(saved["y"])}
    assert bands(section, "a", "roc").folds == 4
    for run in section.of("a"):
        section._kept[run.cell.key] = {**saved, "y": np.zeros_like(saved["y"])}
    assert bands(section, "a", "roc") is None


def test_a_confusion_matrix_is_scikit_learns_summed_over_the_folds(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.6)})
    result = arm_selection.predictions_of_one_pass(section, "a")
    counts = confusion_matrix(result.y, result.predictions.argmax(1))
    assert np.array_equal(
        counts, sum(confusion_matrix(k["y"], k["selected"].argmax(1)) for k in folds_of(section, "a"))
    )
    drawn = draw_confusion({"a": counts}, section.task.classes)
    shades = drawn.axes[0].collections[0].get_array().reshape(2, 2)
    assert np.allclose(shades, confusion_matrix(result.y, result.predictions.argmax(1), normalize="true"))
    words = [text.get_text().split("\n")[1] for text in drawn.axes[0].texts]
    assert words == [str(count) for count in counts.ravel()]


def test_a_class_without_scans_has_an_empty_row():
    drawn = draw_confusion({"a": np.diag([3, 0, 5, 2])}, FOUR)
    shades = drawn.axes[0].collections[0].get_array().reshape(4, 4)
    assert np.ma.is_masked(shades[1, 0])
    assert not np.ma.is_masked(shades[0, 0])


def test_a_reliability_diagram_is_scikit_learns(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.6)})
    result = arm_selection.predictions_of_one_pass(section, "a")
    found = reliability(result.y, result.predictions)
    observed, stated = calibration_curve(result.y, result.predictions[:, 1], n_bins=10)
    points = draw_reliability({"a": found}, section.task.classes).axes[0].collections[-1].get_offsets()
    assert np.allclose(points, np.stack([stated, observed], axis=1))
    assert found.counts.sum() == len(result.y) == 100
    assert found.ece == pytest.approx(np.sum(found.counts / 100 * np.abs(observed - stated)))


def test_of_several_classes_the_likeliest_is_judged():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.85, 0.05], [0.4, 0.35, 0.25]])
    found = reliability(np.array([0, 2, 0]), p)
    assert found.stated.tolist() == pytest.approx([0.4, 0.7, 0.85])
    assert found.observed.tolist() == [1, 1, 0]
    assert found.ece == pytest.approx((0.6 + 0.3 + 0.85) / 3)


def test_limits_of_agreement_and_the_line_of_the_gap_are_those_of_the_closed_form(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.2)}, DataSetSpec("ages", AGE))
    result = arm_selection.predictions_of_one_pass(section, "a")
    gaps = result.predictions - result.y
    above, below = draw_agreement({"a": result}, "years").axes
    levels = sorted(line.get_ydata()[0] for line in above.lines[1:])
    deviation = np.sqrt(np.sum((gaps - gaps.mean()) ** 2) / (len(gaps) - 1))
    assert levels == pytest.approx([gaps.mean() - 1.96 * deviation, gaps.mean(), gaps.mean() + 1.96 * deviation])
    (x0, x1), (y0, y1) = below.lines[-1].get_data()
    slope = np.cov(result.y, gaps)[0, 1] / np.var(result.y, ddof=1)
    assert (y1 - y0) / (x1 - x0) == pytest.approx(slope)


def test_a_distribution_shows_every_scan_and_the_median(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.5), "b": ArmSpec(1)}, DataSetSpec("artery", MASKS))
    scores = {arm: arm_selection.scan_scores(section, arm) for arm in ("a", "b")}
    assert [len(each) for each in scores.values()] == [100, 100]
    scores["b"][:2] = np.nan
    axes = draw_distribution(scores, section.metric).axes[0]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert np.array_equal(points[0].get_xdata(), np.sort(scores["a"]))
    words = [text.get_text() for text in axes.texts]
    assert f"{np.median(scores['a']):.3f}, 100" in words
    assert any("98 (+2 undefined)" in text for text in words)


def test_in_a_picture_of_people_each_scan_stands_once(tmp_path):
    section = section_of(tmp_path, {"a": ArmSpec(0.5)}, seeds=2, partitions=2)
    assert len(arm_selection.predictions_of_one_pass(section, "a").y) == 100
    assert arm_selection.passes(section) == 4


def test_the_front_is_of_those_that_none_beats():
    cost, score = [1, 2, 2, 3, 4], [0.5, 0.7, 0.6, 0.7, 0.9]
    assert pareto_front(cost, score, higher=True).tolist() == [True, True, False, False, True]
    assert pareto_front(cost, score, higher=False).tolist() == [True, False, False, False, False]
    assert pareto_front([1, 1], [0.5, 0.5], higher=True).all()


def test_the_task_of_four_classes_uses_their_names():
    assert Task("classification", "auc", tuple(FOUR)).outputs == 4
    drawn = draw_confusion({"a": np.eye(4, dtype=int) * 5}, FOUR)
    assert [label.get_text() for label in drawn.axes[0].get_yticklabels()] == FOUR.tolist()


def test_records_of_masks_keep_the_score_of_every_scan(tmp_path, monkeypatch):
    from bench.core import Recipe, Spec, Split, Trial
    from bench.data.prepare import prepare
    from bench.experiments import run_trial

    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    prepared = prepare("phantom_artery", {"subjects": 9})
    trial = Trial(prepared.spec, Spec("constant"), Split(folds=3), recipe=Recipe(steps=1, points=1))
    store = Store(tmp_path / "results")
    record = run_trial.run(trial, store)
    assert record.status == "done", record.error
    saved = store.predictions(trial.key)
    assert set(saved) == {"ids", "groups", "scan_scores"}
    assert len(saved["scan_scores"]) == record.sizes["test"] == len(saved["ids"])
    assert np.mean(saved["scan_scores"]) == pytest.approx(record.metrics["selected"]["dice"])
