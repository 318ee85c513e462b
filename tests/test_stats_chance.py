"""How far a score gets by chance, against all permutations written out and closed forms."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats as oracle

from bench.metrics import metric
from bench.stats import by_chance, fold_correlation, luck

CLASSES = {"auc": 2, "balanced_accuracy": 3, "accuracy": 2, "brier": 3}


def part(name: str, seed: int, scans: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions with ties."""
    rng = np.random.default_rng(seed)
    if metric(name).kind == "regression":
        return rng.normal(60, 10, scans), rng.normal(60, 10, scans)
    classes = CLASSES.get(name, 2)
    p = np.round(rng.dirichlet(np.ones(classes), scans), 1)
    return np.arange(scans) % classes, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "accuracy", "brier", "mae"])
def test_it_is_the_variance_over_all_permutations(name: str) -> None:
    y, p = part(name, 3)
    every = [metric(name)(y[list(order)], p) for order in permutations(range(len(y)))]
    assert by_chance(metric(name), (y, p, np.arange(len(y)))) == pytest.approx(np.var(every), rel=1e-9)


def test_of_three_classes_the_area_is_the_mean_of_each_against_the_rest() -> None:
    y, p = np.arange(7) % 3, np.random.default_rng(0).dirichlet(np.ones(3), 7)
    every = [metric("auc")(y[list(order)], p) for order in permutations(range(7))]
    assert by_chance(metric("auc"), (y, p, np.arange(7))) == pytest.approx(np.var(every), rel=1e-9)


def test_seeds_are_averaged_before_the_variance() -> None:
    (y, p), (_, q) = part("mae", 1), part("mae", 2)
    every = [np.mean([metric("mae")(y[list(order)], each) for each in (p, q)]) for order in permutations(range(7))]
    assert by_chance(metric("mae"), (y, p, np.arange(7)), [q]) == pytest.approx(np.var(every), rel=1e-9)


@pytest.mark.parametrize(("positive", "negative"), [(10, 10), (4, 30), (50, 50)])
def test_of_an_area_without_ties_it_is_that_of_mann_and_whitney(positive: int, negative: int) -> None:
    y = np.repeat([1, 0], [positive, negative])
    p = np.random.default_rng(0).random(len(y))
    expected = (positive + negative + 1) / (12 * positive * negative)
    found = by_chance(metric("auc"), (y, np.stack([1 - p, p], axis=1), np.arange(len(y))))
    assert found == pytest.approx(expected, rel=1e-9)


def test_two_scans_of_everybody_are_no_more_people() -> None:
    y, p = part("mae", 5, 20)
    once = by_chance(metric("mae"), (y, p, np.arange(20)))
    twice = by_chance(metric("mae"), (np.repeat(y, 2), np.repeat(p, 2), np.repeat(np.arange(20), 2)))
    apart = by_chance(metric("mae"), (np.repeat(y, 2), np.repeat(p, 2), np.arange(40)))
    assert twice == pytest.approx(once, rel=1e-9)
    assert apart < 0.6 * once


def test_people_with_more_scans_and_with_fewer_change_places_too() -> None:
    """By the rule that is said: a person takes the targets of the other in order, over and over."""
    y, p = part("mae", 6, 6)
    groups = np.array([0, 0, 1, 2, 2, 2])
    own = [np.flatnonzero(groups == group) for group in range(3)]
    every = []
    for order in permutations(range(3)):
        taken = np.empty(6)
        for group, other in enumerate(order):
            taken[own[group]] = np.resize(y[own[other]], len(own[group]))
        every.append(metric("mae")(taken, p))
    assert by_chance(metric("mae"), (y, p, groups)) == pytest.approx(np.var(every), rel=1e-9)


def test_predictions_that_are_all_alike_know_nothing() -> None:
    y = np.arange(8) % 2
    assert by_chance(metric("auc"), (y, np.full((8, 2), 0.5), np.arange(8))) == 0
    assert luck(0.0, [0.0] * 5, 5).p == 1
    assert luck(0.1, [0.0] * 5, 5).p == 1  # a better constant is no knowledge of people


@pytest.mark.parametrize("name", ["f1", "mcc", "r2", "rmse", "dice"])
def test_of_a_score_that_is_no_sum_over_scans_it_is_not_known(name: str) -> None:
    y, p = part(name, 0) if name != "dice" else (np.zeros((3, 4, 4)), np.zeros((3, 4, 4)))
    assert math.isnan(by_chance(metric(name), (y, p, np.arange(len(y)))))
    assert math.isnan(luck(0.2, [math.nan] * 5, 5).p)


def test_a_part_of_one_class_has_none() -> None:
    assert math.isnan(by_chance(metric("auc"), (np.ones(4), np.full((4, 2), 0.5), np.arange(4))))


def test_a_model_right_in_every_fold_alike_is_beyond_chance() -> None:
    variances = [21 / 1200] * 5  # ten of each class
    found = luck(0.5, variances, 5, fold_correlation(5, 64, 20))
    se = math.sqrt(21 / 1200 * 1.8 / 5)
    assert found.se == pytest.approx(se)
    assert found.p == pytest.approx(2 * oracle.norm.sf(0.5 / se))
    assert found.p < 1e-6


def test_tested_on_the_same_people_further_folds_add_nothing() -> None:
    assert luck(0.2, [0.01] * 5, 5, 1.0).se == pytest.approx(0.1)
    assert luck(0.2, [0.01] * 10, 5, 0.0).se == pytest.approx(math.sqrt(0.01 / 5))  # nor do further partitions


@pytest.mark.parametrize(
    ("folds", "train", "test", "expected"),
    [(5, 64, 20, 0.2), (5, 80, 20, 0.25), (10, 72, 10, 72 / 810), (2, 40, 50, 0.8), (5, 8, 20, 0.025), (1, 80, 20, 0)],
)
def test_the_correlation_of_folds_is_the_share_learnt_from_over_the_other_folds(
    folds: int, train: float, test: float, expected: float
) -> None:
    assert fold_correlation(folds, train, test) == pytest.approx(expected)
