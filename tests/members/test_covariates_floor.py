"""The floor that reads age, sex and the like: against scikit-learn, and in a trial from data to record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench import registry
from bench.analysis.explain.saliency_maps import SaliencyConfig, explain
from bench.analysis.robustness.trained_networks import predict_corrupted
from bench.core import BenchError, External, Recipe, Split, Task, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training.trained_model import load
from bench.training.trial_data import RefusalError, load_trial_data

TWO = Task("classification", "auc", ("a", "b"))
THREE = Task("classification", "balanced_accuracy", ("a", "b", "c"))
AGE = Task("regression", "mae", unit="years")


def table(seed: int, scans: int = 40) -> np.ndarray:
    """Columns of unlike sizes with missing values."""
    rng = np.random.default_rng(seed)
    found = rng.normal([70, 0.7, 1400], [9, 0.05, 150], (scans, 3))
    found[rng.random(found.shape) < 0.15] = np.nan
    return found.astype(np.float32)


def fitted(task: Task, y: np.ndarray, **params):
    method = registry.make("methods", "covariates", params)
    model = method.build(task, (3,))
    method.solve(model, table(0), y, task, 0)
    return model


def predicted(model, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(x)).double().numpy()


def filled(model):
    return make_pipeline(SimpleImputer(), StandardScaler(), model)


@pytest.mark.parametrize("task", [TWO, THREE], ids=["two", "three"])
def test_of_classes_it_is_logistic_regression_with_the_mean_and_deviation_of_the_training_part(task):
    """New people have other means: nothing of them is used."""
    y = np.arange(40) % task.outputs
    new = table(1) + np.array([20, 0.2, 300], np.float32)
    expected = filled(LogisticRegression(C=0.5, tol=1e-6, max_iter=2000)).fit(table(0), y).predict_proba(new)
    logits = torch.from_numpy(predicted(fitted(task, y, penalties=(2.0,)), new))
    np.testing.assert_allclose(logits.softmax(1).numpy(), expected, atol=1e-3)


def test_of_numbers_it_is_ridge_regression():
    y = np.nan_to_num(table(0)[:, 0], nan=70) / 9 + np.random.default_rng(3).standard_normal(40)
    expected = filled(Ridge(alpha=2.0)).fit(table(0), y).predict(table(1))
    np.testing.assert_allclose(predicted(fitted(AGE, y, penalties=(2.0,)), table(1))[:, 0], expected, rtol=1e-3)


def test_the_penalty_is_chosen_on_the_training_part():
    noise, known = np.random.default_rng(1).integers(0, 2, 40), np.nan_to_num(table(0)[:, 0], nan=70) > 70
    sums = [
        [float(fitted(TWO, y.astype(int), penalties=each).linear.weight.detach().abs().sum()) for y in (noise, known)]
        for each in ((0.1,), (1000.0,), (0.1, 1000.0))
    ]
    assert sums[2] == [sums[1][0], sums[0][1]]  # of noise the large one, of what can be known the small one


def test_a_column_without_a_value_in_training_changes_nothing():
    x = np.concatenate([table(0), np.full((40, 1), np.nan, np.float32)], axis=1)
    method, y = registry.make("methods", "covariates", {"penalties": (1.0,)}), np.arange(40) % 2
    model = method.build(TWO, (4,))
    method.solve(model, x, y, TWO, 0)
    new = np.concatenate([table(1), np.full((40, 1), 9, np.float32)], axis=1)
    np.testing.assert_allclose(
        predicted(model, new), predicted(fitted(TWO, y, penalties=(1.0,)), table(1)), rtol=1e-4, atol=1e-5
    )


def test_penalties_are_positive():
    with pytest.raises(BenchError, match="positive"):
        registry.make("methods", "covariates", {"penalties": (0.0,)})


SMALL = {"subjects": 24, "mm": 8.0}


def trial(name: str, method: str = "covariates", **params) -> Trial:
    split = Split(folds=3)
    spec = prepare(name, SMALL if "mm" in registry.spec("datasets", name).params else {"subjects": 24}).spec
    return Trial(spec, registry.spec("methods", method, params), split, recipe=Recipe(steps=2, batch_size=4))


def load_data(one: Trial):
    method = registry.make("methods", one.method.name, one.method.params)
    return load_trial_data(one, method, torch.device("cpu"))


def test_a_trial_reads_the_declared_columns_and_its_record_names_them(tmp_path):
    one, store = trial("phantom_age"), Store(tmp_path)
    made = prepare("phantom_age", SMALL)
    record = run_trial.run(one, store)
    assert record.status == "done", record.error
    assert record.resolved["covariates"] == ["sex", "site"]
    assert record.resolved["view_note"] == "it reads no scan but sex, site"
    sites = np.array(made.sites)[:, None] == np.array(sorted(set(made.sites)))
    male = np.array(made.covariates["sex"])[:, None] == "M"
    np.testing.assert_array_equal(load_data(one).array, np.concatenate([male, sites], axis=1))


def test_scans_have_no_part_in_it(monkeypatch):
    one = trial("phantom_age")
    monkeypatch.setattr("bench.training.trial_data.view_array", lambda *words: pytest.fail("it read the scans"))
    assert load_data(one).shape == (4,)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("phantom_order", {}, "phantom_order declares no covariates"),
        ("phantom_age", {"augment": "flip"}, "no scan that could be augmented"),
    ],
)
def test_it_refuses_what_it_cannot_read(name, params, words):
    with pytest.raises(RefusalError, match=words):
        load_data(trial(name, **params))


def test_a_declared_leak_is_refused(monkeypatch):
    one = trial("phantom_age")
    made = prepare("phantom_age", SMALL)
    leaky = replace(made, covariates={"months": (12 * made.targets).tolist()}, floor_covariates=("months",))
    monkeypatch.setattr("bench.training.trial_data.open_prepared", lambda *words: leaky)
    with pytest.raises(RefusalError, match="the covariate months of phantom_age is the target under another name"):
        load_data(one)


def test_another_data_set_is_read_in_the_columns_of_the_training_data(monkeypatch):
    one = trial("phantom_age")
    other = prepare("phantom_age", {**SMALL, "seed": 1})
    outside = replace(one, external=External(other.spec))
    data = load_data(outside)
    male = np.array(other.covariates["sex"]) == "M"
    np.testing.assert_array_equal(data.tested.array[:, 0], male)
    monkeypatch.setattr(registry.member("datasets", "phantom_age"), "floor_covariates", ("sex",))
    assert load_data(outside).tested.array.shape[1] == 1


def test_a_corrupted_scan_changes_nothing_and_there_is_no_map_of_it(tmp_path):
    one, store = trial("phantom_age"), Store(tmp_path)
    run_trial.run(one, store, keep=True)
    loaded, expected = load(store, one.key), store.predictions(one.key)["selected"]
    np.testing.assert_array_equal(predict_corrupted([loaded], "noise", 5)[0], expected)
    with pytest.raises(BenchError, match="ignores the scan"):
        explain(loaded, tmp_path, 1, SaliencyConfig(), 0)
