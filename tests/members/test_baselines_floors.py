"""The floors say what scikit-learn says, and stay themselves when they are stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_model, save_model
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR

from baselines._floors import FLAT
from bench.core import BenchError, Task
from bench.registry import make
from bench.training import model_cost

TWO = Task("classification", "auc", ("a", "b"))
THREE = Task("classification", "auc", ("a", "b", "c"))
AGE = Task("regression", "mae", unit="years")
FLOORS = {
    "svm": {},
    "svm rbf": {"kernel": "rbf"},
    "boosting": {"trees": 12, "view": "volume"},
    "nearest_neighbour": {"neighbours": 3},
}


@pytest.fixture(params=["volumes", "images"])
def scans(request):
    """Thirty small scans whose mean follows their class."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1, 2], 10)
    shape = (1, 5, 6, 4) if request.param == "volumes" else (3, 12, 10)
    x = rng.normal(size=(30, *shape)) + 0.4 * y.reshape(-1, *[1] * len(shape))
    return x.astype(np.float32), y


def solved(name, params, task, x, y):
    method = make("methods", name.split()[0], params)
    model = method.build(task, x.shape[1:])
    method.solve(model, x, y, task, 3)
    return model


def predict(model, x):
    with torch.no_grad():
        return model(torch.from_numpy(x)).numpy()


def targets_of(task, y):
    if task is AGE:
        return y + np.linspace(0, 1, len(y))
    return np.minimum(y, task.outputs - 1)


@pytest.mark.parametrize("task", [TWO, THREE, AGE], ids=["two", "three", "numbers"])
@pytest.mark.parametrize("name", FLOORS)
def test_a_stored_and_reloaded_floor_predicts_the_same(name, task, scans, tmp_path):
    x, y = scans
    model = solved(name, FLOORS[name], task, x, targets_of(task, y))
    save_model(model, str(tmp_path / "m.safetensors"))
    fresh = make("methods", name.split()[0], FLOORS[name]).build(task, x.shape[1:])
    assert predict(fresh, x).shape == (30, task.outputs)
    load_model(fresh, str(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(predict(fresh, x), predict(model, x))
    again = solved(name, FLOORS[name], task, x, targets_of(task, y))
    np.testing.assert_array_equal(predict(again, x), predict(model, x))
    assert list(model.parameters())  # the harness asks the first one where it lies


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_learns_an_effect_on_the_mean(name, scans):
    x, y = scans
    assert (predict(solved(name, FLOORS[name], THREE, x, y), x).argmax(1) == y).mean() > 0.6
    numbers = predict(solved(name, FLOORS[name], AGE, x, y.astype(float)), x)[:, 0]
    assert np.corrcoef(numbers, y)[0, 1] > 0.6


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_handles_classes_that_the_training_part_lacks(name, scans):
    x, y = scans
    lacking = predict(solved(name, FLOORS[name], THREE, x, np.minimum(y, 1)), x)
    assert (lacking.argmax(1) < 2).all()
    alone = predict(solved(name, FLOORS[name], THREE, x, np.ones(30, int)), x)
    assert (alone.argmax(1) == 1).all()
    assert np.isfinite(alone).all()


def standardised(x):
    flat = x.reshape(len(x), -1).astype(np.float64)
    deviation = np.maximum(flat.std(0), FLAT * flat.std(0).max())
    return (flat - flat.mean(0)) / deviation / np.sqrt(flat.shape[1])


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_the_margins_are_those_of_scikit_learn(scans, kernel):
    x, y = scans
    z = standardised(x)
    kind = {"kernel": kernel, "gamma": 1.0}
    model = solved("svm", {"kernel": kernel, "costs": [0.7]}, TWO, x, np.minimum(y, 1))
    full = SVC(C=0.7, **kind).fit(z, np.minimum(y, 1)).decision_function(z)
    logits = predict(model, x)
    margins = ((logits[:, 1] - logits[:, 0]) - float(model.shifts)) / float(model.slopes)
    np.testing.assert_allclose(margins, full, atol=2e-3)
    numbers = y + np.linspace(0, 1, 30)
    found = predict(solved("svm", {"kernel": kernel, "costs": [0.7]}, AGE, x, numbers), x)[:, 0]
    np.testing.assert_allclose(found, SVR(C=0.7, epsilon=0.1, **kind).fit(z, numbers).predict(z), atol=2e-3)
    three = solved("svm", {"kernel": kernel, "costs": [0.7]}, THREE, x, y)
    for kind_of, row in enumerate(predict(three, x).T):
        full = SVC(C=0.7, **kind).fit(z, y == kind_of).decision_function(z)
        chances = 1 / (1 + np.exp(-(full * float(three.slopes[kind_of]) + float(three.shifts[kind_of]))))
        np.testing.assert_allclose(np.exp(row), chances, atol=2e-3)


def test_the_chances_of_noise_are_no_surer_than_its_share():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 1, 5, 5, 5)).astype(np.float32), np.tile([0, 1], 30)
    logits = predict(solved("svm", {}, TWO, x, y), rng.normal(size=(40, 1, 5, 5, 5)).astype(np.float32))
    assert np.abs(logits[:, 1] - logits[:, 0]).mean() < 1


def test_the_trees_match_scikit_learn(scans):
    x, y = scans
    params = {"trees": 15, "depth": 3}
    options = {"n_estimators": 15, "max_depth": 3, "random_state": 3}
    for task in (TWO, THREE):
        labels = targets_of(task, y)
        model = solved("boosting", params, task, x, labels)
        observed = model.summary(torch.from_numpy(x)).numpy()
        full = GradientBoostingClassifier(**options).fit(observed, labels)
        logits = predict(model, x)
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(chances, full.predict_proba(observed), atol=1e-5)
    numbers = targets_of(AGE, y)
    model = solved("boosting", params, AGE, x, numbers)
    full = GradientBoostingRegressor(**options).fit(observed := model.summary(torch.from_numpy(x)).numpy(), numbers)
    np.testing.assert_allclose(predict(model, x)[:, 0], full.predict(observed), atol=1e-5)


def test_the_trees_see_volumes_shares_and_a_histogram():
    rng = np.random.default_rng(0)
    levels = np.array([-2.0, 0.0, 1.0, 3.0])
    tissue = rng.integers(0, 4, size=(6, 1, 8, 8, 8))
    x = (levels[tissue] + 0.05 * rng.normal(size=tissue.shape)).astype(np.float32)
    model = solved("boosting", {"trees": 2, "bins": 8}, TWO, x, np.tile([0, 1], 3))
    observed = model.summary(torch.from_numpy(x)).numpy()
    assert observed.shape == (6, 1 + 3 + 8)
    volume = (tissue > 0).sum((1, 2, 3, 4))
    np.testing.assert_array_equal(observed[:, 0], volume)
    shares = np.stack([(tissue == kind).sum((1, 2, 3, 4)) / volume for kind in (1, 2, 3)], 1)
    np.testing.assert_allclose(observed[:, 1:4], shares, atol=1e-6)
    np.testing.assert_allclose(observed[:, 4:].sum(1), 1, atol=1e-6)
    middles = np.sort(KMeans(4, n_init=4, random_state=0).fit(x.reshape(-1, 1)).cluster_centers_[:, 0])
    np.testing.assert_allclose(model.summary.cuts[0].numpy(), (middles[1:] + middles[:-1]) / 2, atol=1e-2)


def test_what_a_tree_sees_of_a_scan_does_not_depend_on_the_other_scans(scans):
    """The statistics are those of the training part: no other part is measured by its own."""
    x, y = scans
    model = solved("boosting", {"trees": 3}, TWO, x[:20], np.minimum(y[:20], 1))
    np.testing.assert_array_equal(predict(model, x[20:])[:1], predict(model, x[20:21]))
    brighter = model.summary(torch.from_numpy(x[20:] + 50)).numpy()
    np.testing.assert_array_equal(brighter[:, 0], x[0, 0].size)  # above the training part's cut, every voxel


@pytest.mark.parametrize("neighbours", [1, 3])
def test_the_nearest_are_those_of_scikit_learn(scans, neighbours):
    x, y = scans
    flat, params = x.reshape(len(x), -1), {"neighbours": neighbours, "side": 40}
    new = x + np.random.default_rng(3).normal(size=x.shape).astype(np.float32)
    full = KNeighborsClassifier(neighbours).fit(flat, y).predict_proba(new.reshape(len(x), -1))
    chances = np.exp(predict(solved("nearest_neighbour", params, THREE, x, y), new))
    np.testing.assert_allclose(chances, (full * neighbours + 1 / 3) / (neighbours + 1), atol=1e-5)
    numbers = targets_of(AGE, y)
    full = KNeighborsRegressor(neighbours).fit(flat, numbers).predict(new.reshape(len(x), -1))
    found = predict(solved("nearest_neighbour", params, AGE, x, numbers), new)[:, 0]
    np.testing.assert_allclose(found, full, atol=1e-5)


def test_thumbnails_are_small_and_larger_for_images():
    method = make("methods", "nearest_neighbour")
    assert method.build(TWO, (1, 45, 54, 9)).known.shape == (1, 16 * 16 * 9)
    assert method.build(TWO, (3, 100, 20)).known.shape == (1, 3 * 32 * 20)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("svm", {"costs": []}, "costs and gamma must be above 0"),
        ("boosting", {"trees": 0}, "1 or more"),
        ("nearest_neighbour", {"neighbours": 0}, "1 or more"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(name, params, message):
    with pytest.raises(BenchError, match=message):
        make("methods", name, params)


@pytest.mark.parametrize(("name", "counted"), [("nearest_neighbour", False), ("boosting", False), ("svm", True)])
def test_the_size_of_a_floor_is_reported_and_uncounted_operations_are_not_0(name, counted):
    found = model_cost.measure(make("methods", name), Task("classification", "auc", ("a", "b")), (1, 16, 16, 16))
    assert found["parameters"] > 10
    assert (found["forward_flops"] is not None) == counted
