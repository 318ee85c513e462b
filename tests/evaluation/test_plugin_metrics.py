"""A metric is one file in a plug-in folder: it is in new records and in the report, and changes nothing else."""

from __future__ import annotations

import os
import sys

import numpy as np
import pandas as pd
import pytest
from command_line import run_command
from documented_blocks import plug_ins
from killable_studies import Quiet
from sklearn.metrics import cohen_kappa_score
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import registry, report
from bench.core import BenchError, Task
from bench.data.prepare import prepare
from bench.evaluation.metric_probe import probe_plugin_metrics
from bench.evaluation.metrics import COLUMNS, METRICS, evaluate, metric, of_task
from bench.experiments import launch, plan
from bench.report import tables
from bench.storage.record_store import Store

TWO = Task("classification", "auc", ("a", "b"))
METRIC = (
    "from bench.evaluation.metrics import Metric\n"
    "METRIC = Metric({name!r}, 'Own', {kind!r}, {better!r}, '', 0, 1, {function})\n"
)
GOOD = {"name": "own", "kind": "classification", "better": "higher", "function": "whole=lambda y, p, w: w[:, 0]"}


@pytest.fixture
def folder(plugins, tmp_path, monkeypatch):
    """An empty plug-in folder in addition to the plug-ins of the tests."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", f"{plugins}{os.pathsep}{own}")
    yield own
    for path in own.glob("*.py"):
        sys.modules.pop(f"bench_plugins.{path.stem}", None)


@pytest.fixture
def kappa(folder):
    """The text of the guide's metric; a call puts it into the plug-in folder."""
    return lambda: (folder / "kappa.py").write_text(plug_ins()["kappa.py"])


def test_the_metric_of_the_guide_is_the_kappa_of_sklearn(kappa):
    kappa()
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 60), rng.dirichlet([1, 1, 1], 60)
    counts = rng.integers(0, 3, 60)
    assert metric("kappa")(y, p) == pytest.approx(cohen_kappa_score(y, p.argmax(1)))
    resampled = cohen_kappa_score(y, p.argmax(1), sample_weight=counts)
    assert metric("kappa").batch(y, p, counts[None])[0] == pytest.approx(resampled)
    assert np.isnan(metric("kappa")(np.zeros(4, int), np.eye(3)[[0, 0, 0, 0]]))


def test_a_metric_of_a_plug_in_follows_those_of_the_package_and_changes_none(kappa):
    y, p = np.array([0, 1, 1, 0]), np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.9, 0.1]])
    before = evaluate(TWO, y, p)
    kappa()
    after = evaluate(TWO, y, p)
    assert list(after) == [*before, "kappa"]
    assert {name: after[name] for name in before} == before
    assert "kappa" not in METRICS
    assert "kappa" not in [m.name for m in of_task(Task("regression", "mae"))]


@pytest.mark.parametrize("launcher", ["serial", pytest.param("ray", marks=pytest.mark.slow)])
def test_a_new_record_has_the_metric_of_a_plug_in_also_from_a_worker_process(kappa, tmp_path, launcher):
    kappa()
    (trial,) = [cell.trial for cell in _cells() if cell.arm == "net" and cell.role == "arm"][:1]
    store = Store(tmp_path / "results")
    launch.launch(launch.PendingTrials([[trial]], frozenset()), store, launcher, Quiet())
    saved = store.predictions(trial.key)
    expected = cohen_kappa_score(saved["y"], saved["selected"].argmax(1))
    assert store.get(trial.key).metrics["selected"]["kappa"] == pytest.approx(expected)


def _cells():
    return plan.cells(registry.study("tiny"), [prepare("tiny_volumes").spec])


def test_a_metric_changes_no_trial_key(kappa):
    before = [cell.trial.key for cell in _cells()]
    kappa()
    registry.clear_cache()
    assert [cell.trial.key for cell in _cells()] == before


def test_the_scores_of_a_report_have_the_metric(kappa, tmp_path, one_format):
    kappa()
    study = write(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)}, [DataSetSpec()])
    page = report.build("toy", tmp_path)
    (section,) = tables.gather(study, Store(tmp_path)).sections
    written = pd.read_csv(page.parent / "scores.csv").set_index("arm")["kappa"]
    for arm in section.arms:
        parts = [section.predictions(run) for run in section.of(arm)]
        folds = [cohen_kappa_score(part["y"], part["selected"].argmax(1)) for part in parts]
        assert written[arm] == pytest.approx(np.mean(folds))
    assert "Cohen's kappa" in (page.parent / "report.md").read_text()


def test_records_of_before_have_no_value_of_the_metric(kappa, tmp_path, one_format):
    write(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)}, [DataSetSpec()])
    before = pd.read_csv(report.build("toy", tmp_path).parent / "scores.csv")
    kappa()
    after = pd.read_csv(report.build("toy", tmp_path).parent / "scores.csv")
    assert after["kappa"].isna().all()
    pd.testing.assert_frame_equal(after.drop(columns="kappa"), before)


def test_no_metric_can_take_the_column_of_another_number(folder, tmp_path):
    study = write(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)}, [DataSetSpec()])
    (found,) = tables.section_tables(tables.gather(study, Store(tmp_path)))
    assert set(found.frame("scores")) - {m.name for m in of_task(found.section.task)} == COLUMNS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "auc"}, "a metric 'auc' exists already"),
        ({"name": "mae"}, "a metric 'mae' exists already"),
        ({"name": "low"}, "'low' cannot be the name of a metric"),
        ({"name": "my metric"}, "'my metric' cannot be the name of a metric"),
        ({"kind": "classes"}, "kind is 'classes'"),
        ({"better": "more"}, "better is 'more'"),
        ({"function": ""}, "a metric needs either `each` or `whole`"),
    ],
)
def test_a_metric_that_cannot_be_used_is_refused_with_its_file(folder, change, message):
    (folder / "odd.py").write_text(METRIC.format(**GOOD | change))
    with pytest.raises(BenchError, match=rf"odd\.py: {message}"):
        of_task(TWO)


def test_a_metric_of_another_type_is_refused_with_its_file(folder):
    (folder / "odd.py").write_text("METRIC = 'auc'\n")
    with pytest.raises(BenchError, match=r"odd\.py: METRIC is str; make it a Metric"):
        of_task(TWO)


def test_two_plug_ins_with_one_metric_are_refused(folder):
    for name in ("first", "second"):
        (folder / f"{name}.py").write_text(METRIC.format(**GOOD))
    with pytest.raises(BenchError, match=r"second\.py: a metric 'own' exists already"):
        of_task(TWO)


def test_a_metric_that_cannot_be_used_stops_a_study_before_training(folder, capsys, monkeypatch):
    (folder / "odd.py").write_text(METRIC.format(**GOOD | {"name": "auc"}))
    status, text = run_command(capsys, monkeypatch, "run", "--study", "tiny", "--launcher", "serial")
    assert status == 2
    assert "odd.py: a metric 'auc' exists already" in " ".join(text.split())


@pytest.mark.parametrize(("function", "message"), [
    ("whole=lambda y, p, w: w[:, 0] if 1 // 0 else 0", r"line 2: .*'own' cannot score random .*: ZeroDivisionError"),
    ("whole=lambda y, p, w: 0.5", r"'own' cannot score random probabilities: .*scores of shape \(\), not \(2,\)"),
    ("each=lambda y, p, s: 1 / (p.std() and 2 * [1])", r"line 2: .*'own' cannot score .*: TypeError"),
    ("whole=lambda y, p, w: ['high'] * len(w)", r"'own' cannot score random .*: ValueError: could not convert"),
])  # fmt: skip
def test_an_error_of_a_metric_is_found_before_training_and_names_the_metric(folder, function, message):
    (folder / "odd.py").write_text(METRIC.format(**GOOD | {"function": function}))
    with pytest.raises(BenchError, match=rf"odd\.py.*{message}"):
        probe_plugin_metrics(TWO)
    probe_plugin_metrics(Task("regression", "mae"))  # it judges no such task


def test_a_metric_that_fails_on_constant_predictions_is_named(folder):
    function = "whole=lambda y, p, w: w[:, 0] if p.std() else 1 // 0"
    (folder / "odd.py").write_text(METRIC.format(**GOOD | {"function": function}))
    with pytest.raises(BenchError, match="'own' cannot score equal probabilities: ZeroDivisionError"):
        probe_plugin_metrics(TWO)


@pytest.mark.parametrize("kind", ["classification", "regression", "segmentation"])
def test_no_metric_of_the_package_would_be_refused_in_a_plug_in(kind, monkeypatch):
    task = Task(kind, {"classification": "auc", "regression": "mae", "segmentation": "dice"}[kind], ("a", "b"))
    given = [(each, "metrics.py") for each in of_task(task)]
    monkeypatch.setattr("bench.evaluation.metric_probe.plugin_extensions", lambda attribute: given)
    assert len(given) > 3
    probe_plugin_metrics(task)


def test_a_metric_that_raises_stops_a_study_before_training(folder, capsys, monkeypatch, tmp_path):
    (folder / "odd.py").write_text(METRIC.format(**GOOD | {"function": "whole=lambda y, p, w: 1 // 0"}))
    status, text = run_command(capsys, monkeypatch, "run", "--study", "tiny", "--launcher", "serial")
    assert (status, list(tmp_path.glob("results/trials/*"))) == (2, [])
    assert "odd.py, line 2: the metric 'own' cannot score" in " ".join(text.split())


@pytest.mark.parametrize(("function", "message"), [
    ("whole=lambda y, p, w: w[0]", r"own returned scores of shape \(4,\), not \(1,\)"),
    ("whole=lambda y, p, w: 0.5", r"own returned scores of shape \(\), not \(1,\)"),
    ("each=lambda y, p, s: p", r"own returned scores of shape \(4, 2\), not \(4,\)"),
])  # fmt: skip
def test_scores_of_another_shape_are_an_error_of_the_metric(folder, function, message):
    (folder / "odd.py").write_text(METRIC.format(**GOOD | {"function": function}))
    with pytest.raises(ValueError, match=message):
        evaluate(TWO, np.array([0, 1, 1, 0]), np.full((4, 2), 0.5))


ERRORS = "each=lambda y, p, s: (p.argmax(1) != y).astype(float)"


def test_a_metric_that_calls_wrong_predictions_better_than_right_ones_is_refused(folder):
    (folder / "odd.py").write_text(METRIC.format(**GOOD | {"function": ERRORS}))
    with pytest.raises(BenchError, match=r"odd\.py: the metric 'own' .* wrong predictions have 1, right ones 0"):
        probe_plugin_metrics(TWO)
    (folder / "odd.py").unlink()
    (folder / "even.py").write_text(METRIC.format(**GOOD | {"function": ERRORS, "better": "lower"}))
    registry.clear_cache()
    probe_plugin_metrics(TWO)
