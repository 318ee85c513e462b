"""The linear model chooses its grid with its penalty: against scikit-learn, over people, on the training part alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, cross_val_predict

from baselines._floors import FLAT
from baselines._linear_solver import inner_folds
from bench import registry
from bench.core import BenchError, Recipe, Split, Task, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training.trial_data import load_trial_data, training_setup

TWO = Task("classification", "auc", ("a", "b"))
THREE = Task("classification", "auc", ("a", "b", "c"))
AGE = Task("regression", "mae", unit="years")
GRIDS, PENALTIES = (1, 2, 3), (0.01, 0.1, 1.0)


def scans(width: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forty scans of thirty people, 6 voxels wide, with an effect of cubes of `width` voxels; classes, people."""
    rng = np.random.default_rng(7)
    people = np.concatenate([np.arange(30), np.arange(10)])
    y = people % classes
    blocks = rng.normal(size=(6 // width,) * 3)
    effect = blocks.repeat(width, 0).repeat(width, 1).repeat(width, 2)
    x = (
        rng.normal(size=(40, 6, 6, 6))
        + 0.3 * y[:, None, None, None] * effect
        + 0.5 * rng.normal(size=(30, 1, 1, 1))[people]
    )
    return x[:, None].astype(np.float32), y, people


def averaged(x: np.ndarray, width: int) -> np.ndarray:
    """(N, 1, 6, 6, 6) to (N, larger voxels), by hand."""
    side = 6 // width
    return (
        x.astype(np.float64).reshape(len(x), side, width, side, width, side, width).mean((2, 4, 6)).reshape(len(x), -1)
    )


def standardised(x: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    deviation = np.maximum(learnt.std(0), FLAT * learnt.std(0).max())
    return (x - learnt.mean(0)) / deviation / np.sqrt(learnt.shape[1])


def fitted(task: Task, x: np.ndarray, y: np.ndarray, people: np.ndarray | None = None, **params):
    method = registry.make("methods", "linear", {"grids": GRIDS, "penalties": PENALTIES, **params})
    model = method.build(task, x.shape[1:])
    method.solve(model, x, y, task, 0, people)
    return method, model


def outputs(model, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(x)).double().numpy()


def loss(z: np.ndarray, y: np.ndarray, people: np.ndarray, penalty: float) -> float:
    """Log loss of people left out, fold by fold; every division has five folds of people."""
    found, firsts = [], y[np.unique(people, return_index=True)[1]]
    for number in range(4):
        for _, out in StratifiedKFold(5, shuffle=True, random_state=number).split(firsts, firsts):
            left = np.isin(people, out)
            model = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=5000).fit(z[~left], y[~left])
            found.append(log_loss(y[left], model.predict_proba(z[left]), labels=np.unique(y)))
    return float(np.mean(found))


@pytest.mark.parametrize(("width", "classes"), [(1, 2), (3, 2), (2, 3)])
def test_grid_and_penalty_are_those_of_the_smallest_log_loss_of_people_left_out(width, classes):
    x, y, people = scans(width, classes)
    forms = {grid: standardised(averaged(x, grid), averaged(x, grid)) for grid in GRIDS}
    losses = {(grid, penalty): loss(forms[grid], y, people, penalty) for grid in GRIDS for penalty in PENALTIES}
    grid, penalty = min(losses, key=losses.get)
    method, model = fitted(THREE if classes == 3 else TWO, x, y, people)
    assert method.record_info(model) == {"grid": grid, "penalty": pytest.approx(penalty)}
    new = scans(width, classes)[0][::-1] * np.float32(1.5) + np.float32(0.2)
    full = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=5000).fit(forms[grid], y)
    expected = full.predict_proba(standardised(averaged(new, grid), averaged(x, grid)))
    found = torch.from_numpy(outputs(model, np.ascontiguousarray(new))).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("width", [1, 3])
def test_for_numbers_each_person_is_left_out(width):
    x, y, people = scans(width)
    numbers = y + 0.3 * np.random.default_rng(2).normal(size=40)
    errors = {}
    for grid in GRIDS:
        z = standardised(averaged(x, grid), averaged(x, grid))
        for penalty in PENALTIES:
            left = cross_val_predict(Ridge(alpha=penalty), z, numbers, groups=people, cv=LeaveOneGroupOut())
            errors[grid, penalty] = np.mean((left - numbers) ** 2)
    grid, penalty = min(errors, key=errors.get)
    method, model = fitted(AGE, x, numbers, people)
    assert method.record_info(model) == {"grid": grid, "penalty": pytest.approx(penalty)}
    z = standardised(averaged(x, grid), averaged(x, grid))
    np.testing.assert_allclose(outputs(model, x)[:, 0], Ridge(alpha=penalty).fit(z, numbers).predict(z), atol=1e-4)


def test_a_coarse_effect_is_read_on_a_coarse_grid_and_a_fine_one_on_a_fine_grid():
    chosen = {}
    for width in (1, 3):
        x, y, people = scans(width)
        method, model = fitted(TWO, x, y, people)
        chosen[width] = method.record_info(model)["grid"]
    assert chosen[1] == 1
    assert chosen[3] > 1


def test_the_choice_needs_no_seed_and_images_have_grids_too():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 3, 40, 20)).astype(np.float32), np.arange(24) % 2
    (method, one), (_, again) = fitted(TWO, x, y), fitted(TWO, x, y)
    np.testing.assert_array_equal(outputs(one, x), outputs(again, x))
    assert method.record_info(one)["grid"] in GRIDS


def test_inner_folds_divide_no_person_and_leave_everybody_out_as_often():
    _, y, people = scans(1)
    left = np.zeros(len(y), int)
    for rows, out in inner_folds(y, people):
        assert not set(people[rows]) & set(people[out])
        assert sorted([*rows, *out]) == list(range(len(y)))
        left[out] += 1
    assert set(left) == {4}
    assert list(inner_folds(np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 3]))) == []  # one person of a class


@pytest.mark.parametrize("grids", [(), (0, 1)])
def test_grids_are_whole_numbers(grids):
    with pytest.raises(BenchError, match="grids must be whole numbers"):
        registry.make("methods", "linear", {"grids": grids})


def test_a_trial_hands_over_the_people_of_the_training_part_and_records_the_grid(tmp_path):
    made = prepare("phantom_ad", {"subjects": 24, "mm": 8.0})
    one = Trial(made.spec, registry.spec("methods", "linear"), Split(folds=3), recipe=Recipe(steps=2, batch_size=4))
    data = load_trial_data(one, registry.make("methods", "linear"), torch.device("cpu"))
    groups = training_setup(one, data, tmp_path).groups
    assert list(groups) == [made.groups[row] for row in data.fold.train]
    record = run_trial.run(one, Store(tmp_path))
    assert record.status == "done", record.error
    assert record.resolved["network"]["grid"] in GRIDS
