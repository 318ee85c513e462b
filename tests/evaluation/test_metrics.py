"""Every metric against an independent oracle (scikit-learn, scipy, MONAI) or a case worked by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core import BenchError, Task
from bench.evaluation.metrics import METRICS, Metric, chance, evaluate, metric, of_task

TWO = Task("classification", "auc", ("healthy", "ill"))
THREE = Task("classification", "accuracy", ("a", "b", "c"))
NUMBER = Task("regression", "mae", unit="years")
MASK = Task("segmentation", "dice", ("background", "one", "two"))

few = settings(max_examples=60, deadline=None, derandomize=True)


def labelled(classes: int, n: int = 60, seed: int = 0, decimals: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Targets (n,) as floats, as an index holds them, and coarse probabilities (n, classes) with ties."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)]).astype(float)
    raw = np.round(rng.random((n, classes)) + 0.3 * np.eye(classes)[y.astype(int)], decimals) + 0.05
    return y, raw / raw.sum(axis=1, keepdims=True)


def oracle(name: str, y: np.ndarray, p: np.ndarray) -> float:
    """What scikit-learn says."""
    from sklearn import metrics as sk

    result, binary = p.argmax(1), p.shape[1] == 2
    return {
        "auc": lambda: sk.roc_auc_score(y, p[:, 1] if binary else p, multi_class="ovr", average="macro"),
        "accuracy": lambda: sk.accuracy_score(y, result),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(y, result),
        "f1": lambda: sk.f1_score(y, result, average="macro"),
        "brier": lambda: sk.brier_score_loss(y, p, scale_by_half=True),
        "log_loss": lambda: sk.log_loss(y, p),
        "sensitivity": lambda: sk.recall_score(y, result, pos_label=1),
        "specificity": lambda: sk.recall_score(y, result, pos_label=0),
        "average_precision": lambda: sk.average_precision_score(
            y == 1 if binary else np.eye(p.shape[1])[y.astype(int)], p[:, 1] if binary else p
        ),
        "mcc": lambda: sk.matthews_corrcoef(y, result),
        "calibration_error": lambda: monai_calibration(y, p),
    }[name]()


def monai_calibration(y: np.ndarray, p: np.ndarray) -> float:
    """What MONAI's calibration makes of the class that is called: its bins are ours."""
    import torch
    from monai.metrics import calibration_binning

    sure, right = torch.as_tensor(p.max(1)), torch.as_tensor((p.argmax(1) == y).astype(float))
    means, shares, counts = calibration_binning(sure[None, None], right[None, None], num_bins=10, right=True)
    gaps = torch.nan_to_num((means - shares).abs()) * counts
    return float(gaps.sum() / counts.sum())


@pytest.mark.parametrize("task", [TWO, THREE], ids=["two classes", "three classes"])
@pytest.mark.parametrize("seed", range(4))
def test_classification_metrics_equal_those_of_scikit_learn(task: Task, seed: int) -> None:
    y, p = labelled(len(task.classes), seed=seed)
    for name, score in evaluate(task, y, p).items():
        exact = 1e-6 if name == "calibration_error" else 1e-12  # MONAI counts in single precision
        assert score == pytest.approx(oracle(name, y, p), abs=exact), name


def test_regression_metrics_equal_those_of_scikit_learn_and_scipy() -> None:
    from scipy.stats import pearsonr
    from sklearn import metrics as sk

    rng = np.random.default_rng(0)
    y = rng.normal(60, 20, 40)
    p = y + rng.normal(3, 15, 40)
    assert evaluate(NUMBER, y, p) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y, p),
            "rmse": sk.root_mean_squared_error(y, p),
            "r2": sk.r2_score(y, p),
            "correlation": pearsonr(y, p).statistic,
            "gap": abs(np.mean(p) - np.mean(y)),
            "gap_slope": abs(np.polyfit(y, p - y, 1)[0]),
        }
    )


def test_scores_of_one_class_are_undefined_and_those_that_need_no_class_are_not() -> None:
    p = np.array([[0.8, 0.2], [0.3, 0.7]])
    found = evaluate(TWO, np.array([1, 1]), p)
    assert {name for name, score in found.items() if math.isnan(score)} == {
        "auc",
        "average_precision",
        "balanced_accuracy",
        "f1",
        "mcc",
        "specificity",
    }
    assert found["accuracy"] == found["sensitivity"] == 0.5


def test_a_missing_class_of_three_leaves_the_scores_over_classes_undefined() -> None:
    found = evaluate(THREE, np.array([0, 1, 1]), np.eye(3)[[0, 1, 2]])
    assert {name for name, score in found.items() if math.isnan(score)} == {
        "auc",
        "average_precision",
        "balanced_accuracy",
        "f1",
    }


def test_constant_predictions_have_the_scores_of_chance() -> None:
    for task in (TWO, THREE):
        y, p = labelled(len(task.classes))
        found = evaluate(task, y, np.full_like(p, 1 / p.shape[1]))
        assert found["auc"] == 0.5 == chance(task, "auc")
        assert found["balanced_accuracy"] == pytest.approx(chance(task, "balanced_accuracy"))


def test_correlation_and_r2_of_constants_are_undefined() -> None:
    y, p = np.array([61.3, 70.1, 80.2]), np.full(3, 0.1 + 0.2)
    assert math.isnan(metric("correlation")(y, p))
    assert math.isnan(metric("correlation")(p, y))
    assert math.isnan(metric("r2")(p, y))
    assert metric("r2")(y, np.full(3, y.mean())) == pytest.approx(0)


def test_one_sure_mistake_has_a_finite_log_loss() -> None:
    assert metric("log_loss")(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-math.log(2.0**-52))


@pytest.mark.parametrize("name", sorted(METRICS))
@few
@given(data=st.data())
def test_weights_count_scans_by_their_value(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 10_000))
    y, p = _example(METRICS[name].kind, seed)
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y)).filter(any)))
    rows = np.repeat(np.arange(len(y)), counts)
    expected = METRICS[name](y[rows], p[rows])
    found = METRICS[name].batch(y, p, np.stack([counts, np.ones(len(y))]))
    assert found[0] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
    assert found[1] == pytest.approx(METRICS[name](y, p), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", sorted(METRICS))
@few
@given(seed=st.integers(0, 10_000))
def test_scores_are_in_the_declared_range_and_perfection_is_best(name: str, seed: int) -> None:
    m = METRICS[name]
    y, p = _example(m.kind, seed)
    score, best = m(y, p), _perfect(m, y)
    for value in (score, best):
        assert math.isnan(value) or m.low - 1e-12 <= value <= m.high + 1e-12
    if not math.isnan(score):
        assert best == pytest.approx(m.high if m.better == "higher" else m.low, abs=1e-9)


@few
@given(seed=st.integers(0, 10_000))
def test_auc_is_untouched_by_monotone_changes_and_mirrored_by_a_change_of_sign(seed: int) -> None:
    y, p = labelled(2, 20, seed)
    auc, score = metric("auc"), p[:, 1]
    assert auc(y, np.stack([-score, np.exp(3 * score)], axis=1)) == pytest.approx(auc(y, p))
    assert auc(y, -p) == pytest.approx(1 - auc(y, p))


MORE = ["average_precision", "mcc", "calibration_error"]


def test_every_task_has_its_own_metrics_with_the_primary_first() -> None:
    assert [m.name for m in of_task(THREE)] == [
        "accuracy",
        "auc",
        "balanced_accuracy",
        "f1",
        "brier",
        "log_loss",
        *MORE,
    ]
    assert {m.name for m in of_task(TWO)} > {"sensitivity", "specificity"}
    assert [m.name for m in of_task(NUMBER)] == ["mae", "rmse", "r2", "correlation", "gap", "gap_slope"]
    masks = ["hd95", "surface_distance", "volume_error", "component_error"]
    assert [m.name for m in of_task(MASK)] == ["dice", *masks]
    assert [m.name for m in of_task(Task("segmentation", "dice", ("rest", "artery")))] == ["dice", "cldice", *masks]
    for m in METRICS.values():
        assert m.better in ("higher", "lower")
        assert (m.each is None) != (m.whole is None)


def test_chance_is_known_where_it_does_not_depend_on_the_data() -> None:
    assert [chance(THREE, name) for name in ("auc", "balanced_accuracy", "accuracy")] == [0.5, 1 / 3, None]
    assert [chance(NUMBER, name) for name in ("correlation", "mae")] == [0.0, None]


def test_a_wrong_metric_gets_the_nearest_name() -> None:
    with pytest.raises(BenchError, match="no metric 'balanced_acuracy'; did you mean 'balanced_accuracy'"):
        metric("balanced_acuracy")


@pytest.mark.parametrize(
    ("name", "y", "p", "message"),
    [
        ("auc", np.zeros(3), np.zeros((2, 2)), "for each of one or more scans"),
        ("auc", np.zeros(0), np.zeros((0, 2)), "for each of one or more scans"),
        ("auc", np.zeros(2), np.zeros(2), "predictions \\(2,\\)"),
        ("auc", np.array([0, 2]), np.zeros((2, 2)), "2 probabilities a scan do not fit classes 0 to 2"),
        ("mae", np.zeros(2), np.array([1.0, np.nan]), "NaN or infinite"),
        ("sensitivity", np.zeros(2), np.zeros((2, 3)), "defined for 2 classes, not for 3"),
        ("dice", np.zeros((1, 4, 4)), np.zeros((1, 4, 5)), "targets and predictions of the same shape"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, y: np.ndarray, p: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric(name)(y, p)


def test_a_spacing_of_the_wrong_length_and_values_of_a_metric_that_is_no_mean_are_refused() -> None:
    y, p = np.zeros((1, 4, 4, 4), int), np.ones((1, 4, 4, 4), int)
    with pytest.raises(ValueError, match="a spacing of 2 numbers"):
        metric("hd95")(y, p, (1.0, 2.0))
    with pytest.raises(ValueError, match="not a mean over scans"):
        metric("auc").values(*labelled(2))


def test_the_module_is_light_to_import() -> None:
    heavy = "torch", "ray", "pandas", "sklearn", "scipy", "monai"
    code = f"import sys, bench.evaluation.metrics, bench.evaluation; print(*set({heavy!r}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def _example(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if kind == "classification":
        y, p = labelled(2, 12, seed)
        return y.astype(int), p
    if kind == "regression":
        return np.round(rng.normal(60, 20, 12), 1), np.round(rng.normal(60, 20, 12), 1)
    if kind == "registration":
        y = rng.integers(0, 3, (4, 5, 4, 4, 4)).astype(np.float32)
        return y, rng.normal(size=(4, 3, 4, 4, 4)).astype(np.float32)
    if kind == "translation":
        y = np.ones((4, 4, 6, 5, 7), np.float32)
        y[:, 0] = rng.normal(size=y.shape[2:])
        return y, rng.normal(size=(4, 1, 6, 5, 7)).astype(np.float32)
    return rng.integers(0, 3, (4, 3, 3)), rng.integers(0, 3, (4, 3, 3))


def _perfect(m: Metric, y: np.ndarray) -> float:
    """The score of a perfect prediction; of registration, that of two scans that are alike and stay as they are."""
    if m.kind == "registration":
        still = np.zeros_like(y[:, 2:])
        return m(np.concatenate([y[:, :1], y[:, :1], still], axis=1), still)
    if m.kind == "translation":
        return m(y, y[:, :1])
    return m(y, np.eye(2)[y] if m.kind == "classification" else y)
