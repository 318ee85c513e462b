"""How far a score gets by chance, against all permutations written out and closed forms."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats as oracle

from bench.evaluation import ChanceDistribution, chance_distribution, fold_correlation, skill_test
from bench.evaluation.metrics import metric

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
def test_it_is_mean_and_variance_over_all_permutations(name: str) -> None:
    y, p = part(name, 3)
    every = [metric(name)(y[list(order)], p) for order in permutations(range(len(y)))]
    found = chance_distribution(metric(name), (y, p, np.arange(len(y))))
    assert (found.expected, found.variance) == pytest.approx((np.mean(every), np.var(every)), rel=1e-9)


def test_of_three_classes_the_area_is_the_mean_of_each_against_the_rest() -> None:
    y, p = np.arange(7) % 3, np.random.default_rng(0).dirichlet(np.ones(3), 7)
    every = [metric("auc")(y[list(order)], p) for order in permutations(range(7))]
    assert chance_distribution(metric("auc"), (y, p, np.arange(7))).variance == pytest.approx(np.var(every), rel=1e-9)


def test_seeds_are_averaged_before_the_variance() -> None:
    (y, p), (_, q) = part("mae", 1), part("mae", 2)
    every = [np.mean([metric("mae")(y[list(order)], each) for each in (p, q)]) for order in permutations(range(7))]
    found = chance_distribution(metric("mae"), (y, p, np.arange(7)), [q])
    assert (found.expected, found.variance) == pytest.approx((np.mean(every), np.var(every)), rel=1e-9)


@pytest.mark.parametrize(("positive", "negative"), [(10, 10), (4, 30), (50, 50)])
def test_of_an_area_without_ties_it_is_that_of_mann_and_whitney(positive: int, negative: int) -> None:
    y = np.repeat([1, 0], [positive, negative])
    p = np.random.default_rng(0).random(len(y))
    expected = (positive + negative + 1) / (12 * positive * negative)
    found = chance_distribution(metric("auc"), (y, np.stack([1 - p, p], axis=1), np.arange(len(y))))
    assert found.expected == pytest.approx(0.5)
    assert found.variance == pytest.approx(expected, rel=1e-9)


def moved(p: np.ndarray, groups: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The predictions when group g takes those of group order[g]: in their order, repeated where they are too few."""
    after = np.empty_like(p)
    for taker, giver in enumerate(order):
        own = p[groups == giver]
        after[groups == taker] = [own[place % len(own)] for place in range((groups == taker).sum())]
    return after


SIZES = (1, 3, 2, 1, 3, 2)  # scans of each person
UNLIKE = np.repeat(np.arange(len(SIZES)), SIZES)


@pytest.mark.parametrize(
    ("name", "exact"),
    [("mae", True), ("brier", True), ("accuracy", True), ("balanced_accuracy", True), ("auc", False)],
)
def test_of_people_with_different_numbers_of_scans_it_is_that_of_all_permutations_of_people(
    name: str, exact: bool
) -> None:
    y, p = part(name, 4, len(UNLIKE))
    y = np.sort(y)
    every = [metric(name)(y, moved(p, UNLIKE, order)) for order in permutations(range(len(SIZES)))]
    found = chance_distribution(metric(name), (y, p, UNLIKE))
    assert found.exact is exact
    near = {"rel": 1e-9} if exact else {"abs": 4 * np.std(every) / math.sqrt(2000)}
    assert found.expected == pytest.approx(np.mean(every), **near)
    assert found.variance == pytest.approx(np.var(every), rel=1e-9 if exact else 0.13)


@pytest.mark.parametrize("name", ["auc", "mae"])
def test_of_people_with_different_numbers_of_scans_seeds_are_averaged_before_the_variance(name: str) -> None:
    (y, p), (_, q) = part(name, 4, len(UNLIKE)), part(name, 5, len(UNLIKE))
    every = [
        np.mean([metric(name)(y, moved(each, UNLIKE, order)) for each in (p, q)])
        for order in permutations(range(len(SIZES)))
    ]
    found = chance_distribution(metric(name), (y, p, UNLIKE), [q])
    assert found.expected == pytest.approx(np.mean(every), abs=4 * np.std(every) / math.sqrt(2000))
    assert found.variance == pytest.approx(np.var(every), rel=0.13)


@pytest.mark.parametrize("name", ["accuracy", "auc", "balanced_accuracy"])
def test_where_patients_have_more_scans_nearly_equal_predictions_have_no_skill(name: str) -> None:
    """To call everybody ill is right in five of six scans, and no knowledge of anybody."""
    rng = np.random.default_rng(5)
    sizes = np.tile([1, 5], 20)
    y, groups = np.repeat(np.tile([0, 1], 20), sizes), np.repeat(np.arange(40), sizes)
    ill = 0.8 + 0.01 * rng.standard_normal(40)[groups]
    p = np.stack([1 - ill, ill], axis=1)
    found = chance_distribution(metric(name), (y, p, groups))
    assert skill_test(metric(name)(y, p), [found], 1).p > 0.05


@pytest.mark.parametrize("name", ["mae", "auc", "balanced_accuracy", "brier"])
def test_of_two_scans_a_person_with_unlike_targets_it_is_that_of_all_permutations_of_people(name: str) -> None:
    y, p = part(name, 6, 12)
    groups = np.repeat(np.arange(6), 2)
    every = [metric(name)(y, moved(p, groups, order)) for order in permutations(range(6))]
    found = chance_distribution(metric(name), (y, p, groups))
    assert found.exact
    assert (found.expected, found.variance) == pytest.approx((np.mean(every), np.var(every)), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "scans", "expected", "variance"),
    [
        ("mae", 1, 12.886555890489111, 4.768910639278546),
        ("mae", 2, 12.886555890489113, 4.7689106392785465),
        ("auc", 1, 0.5, 0.04097222222222222),
        ("auc", 2, 0.4999999999999999, 0.04097222222222222),
        ("balanced_accuracy", 1, 0.3333333333333333, 0.024691358024691353),
        ("balanced_accuracy", 2, 0.3333333333333333, 0.024691358024691353),
        ("brier", 1, 0.4441873278236914, 0.008015933748256982),
        ("brier", 2, 0.44418732782369147, 0.008015933748256982),
    ],
)
def test_of_equal_groups_it_is_what_it_was(name: str, scans: int, expected: float, variance: float) -> None:
    y, p = part(name, 9, 9)
    fold = np.repeat(y, scans), np.repeat(p, scans, axis=0), np.repeat(np.arange(9), scans)
    found = chance_distribution(metric(name), fold)
    assert found.exact
    assert (found.expected, found.variance) == pytest.approx((expected, variance), rel=1e-14)  # sums of any processor


def test_of_a_part_of_the_people_it_is_not_exact() -> None:
    y = np.random.default_rng(3).standard_normal(1600)
    assert not chance_distribution(metric("mae"), (y, y, np.arange(1600))).exact


def test_two_scans_of_everybody_are_no_more_people() -> None:
    y, p = part("mae", 5, 20)
    once = chance_distribution(metric("mae"), (y, p, np.arange(20))).variance
    twice = chance_distribution(metric("mae"), (np.repeat(y, 2), np.repeat(p, 2), np.repeat(np.arange(20), 2))).variance
    apart = chance_distribution(metric("mae"), (np.repeat(y, 2), np.repeat(p, 2), np.arange(40))).variance
    assert twice == pytest.approx(once, rel=1e-9)
    assert apart < 0.6 * once


@pytest.mark.parametrize("name", ["mae", "auc", "balanced_accuracy"])
def test_people_with_many_scans_and_with_one_change_places_too(name: str) -> None:
    """People with one scan and with six: compared with the variance over new labels of many people."""
    rng = np.random.default_rng(0)
    sizes = np.arange(60) % 2 * 5 + 1
    groups = np.repeat(np.arange(60), sizes)
    y = np.repeat(np.arange(60) // 2 % 2, sizes).astype(int)
    score = 1 / (1 + np.exp(-rng.standard_normal(60)[groups] - 0.2 * rng.standard_normal(len(groups))))
    p = score if name == "mae" else np.stack([1 - score, score], axis=1)
    drawn = [metric(name)(rng.permutation(np.arange(60) // 2 % 2)[groups], p) for _ in range(4000)]
    found = chance_distribution(metric(name), (y, p, groups))
    assert found.variance == pytest.approx(np.var(drawn), rel=0.2)


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "mae"])
def test_equal_predictions_have_no_skill(name: str) -> None:
    y, groups = np.arange(12) % 2, np.repeat(np.arange(4), [1, 2, 4, 5])
    p = np.full(12, 0.3) if name == "mae" else np.full((12, 2), 0.5)
    found = chance_distribution(metric(name), (y, p, groups))
    assert found.variance == 0
    assert found.expected == pytest.approx(metric(name)(y, p))
    assert skill_test(found.expected, [found] * 5, 5).p == 1
    assert skill_test(found.expected + 0.1, [found] * 5, 5).p == 1  # a better constant is not knowledge about people


def test_nearly_equal_predictions_are_compared_with_their_own_mean_and_not_with_the_floor() -> None:
    """By luck they can be closer to the middle than the floor is: that is not knowledge about people."""
    rng = np.random.default_rng(1)
    y = rng.normal(60, 10, 40)
    p = np.median(y) + 0.1 * rng.standard_normal(40)  # the floor, of other people, is 3 years off
    found = chance_distribution(metric("mae"), (y, p, np.arange(40)))
    improvement = np.abs(y - np.median(y) - 3).mean() - metric("mae")(y, p)
    assert improvement > 5 * math.sqrt(found.variance)
    assert skill_test(metric("mae")(y, p), [found], 1).p > 0.05


def test_of_many_scans_some_people_stand_for_all() -> None:
    rng = np.random.default_rng(2)
    y, groups = rng.standard_normal(4000), np.repeat(np.arange(2000), 2)
    p = 0.5 * y + rng.standard_normal(4000)
    found = chance_distribution(metric("mae"), (y, p, groups))
    drawn = [metric("mae")(y.reshape(2000, 2)[rng.permutation(2000)].ravel(), p) for _ in range(500)]
    assert found.expected == pytest.approx(np.mean(drawn), rel=0.05)
    assert found.variance == pytest.approx(np.var(drawn), rel=0.25)


@pytest.mark.parametrize("name", ["f1", "mcc", "r2", "rmse", "dice"])
def test_of_a_score_that_is_no_sum_over_scans_it_is_not_known(name: str) -> None:
    y, p = part(name, 0) if name != "dice" else (np.zeros((3, 4, 4)), np.zeros((3, 4, 4)))
    assert math.isnan(chance_distribution(metric(name), (y, p, np.arange(len(y)))).variance)
    assert math.isnan(skill_test(0.2, [ChanceDistribution(math.nan, math.nan)] * 5, 5).p)


def test_a_part_of_one_class_has_none() -> None:
    assert math.isnan(chance_distribution(metric("auc"), (np.ones(4), np.full((4, 2), 0.5), np.arange(4))).variance)


def test_a_model_that_is_equally_right_in_every_fold_is_above_chance() -> None:
    fold = ChanceDistribution(0.5, 21 / 1200)  # ten of each class
    found = skill_test(1.0, [fold] * 5, 5, fold_correlation(5, 64, 20))
    se = math.sqrt(21 / 1200 * 1.8 / 5)
    assert found.se == pytest.approx(se)
    assert found.p == pytest.approx(2 * oracle.norm.sf(0.5 / se))
    assert found.p < 1e-6


def test_tested_on_the_same_people_further_folds_add_nothing() -> None:
    fold = ChanceDistribution(0.5, 0.01)
    assert skill_test(0.7, [fold] * 5, 5, 1.0).se == pytest.approx(0.1)
    assert skill_test(0.7, [fold] * 10, 5, 0.0).se == pytest.approx(math.sqrt(0.01 / 5))  # nor do further partitions


@pytest.mark.parametrize(
    ("folds", "train", "test", "expected"),
    [(5, 64, 20, 0.2), (5, 80, 20, 0.25), (10, 72, 10, 72 / 810), (2, 40, 50, 0.8), (5, 8, 20, 0.025), (1, 80, 20, 0)],
)
def test_the_correlation_of_folds_is_the_share_learnt_from_over_the_other_folds(
    folds: int, train: float, test: float, expected: float
) -> None:
    assert fold_correlation(folds, train, test) == pytest.approx(expected)
