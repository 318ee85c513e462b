"""The statistics of trained models against reference implementations, scipy and statsmodels."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats as oracle
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from bench.evaluation import (
    area_difference,
    area_interval,
    areas,
    group_bootstrap,
    mcnemar,
    permutation_test,
    score_interval,
)
from bench.evaluation.metrics import metric


def scans(n: int, seed: int, shift: float = 1.0, decimals: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, probabilities (n, 2) with ties, and a group for each scan."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    score = np.round(1 / (1 + np.exp(-shift * (y - 0.5) - rng.standard_normal(n))), decimals)
    return y, np.stack([1 - score, score], axis=1), np.arange(n)


def twice(y: np.ndarray, p: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every scan there two times, of one person."""
    return tuple(np.repeat(part, 2, axis=0) for part in (y, p, groups))


def delong(y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas and covariance as DeLong et al. write them: every positive scan against every negative one."""
    placed = []
    for score in scores:
        first, second = score[y == 1], score[y == 0]
        placed.append(np.array([[float(a > b) + 0.5 * float(a == b) for b in second] for a in first]))
    v10, v01 = (np.array([psi.mean(axis=axis) for psi in placed]) for axis in (1, 0))
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    return np.array([psi.mean() for psi in placed]), covariance


@pytest.mark.parametrize("seed", range(5))
def test_the_covariance_of_areas_is_that_of_delong_pair_by_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = (rng.random(37) < 0.4).astype(int)
    scores = np.round(y + rng.normal(0, 1.2, (3, 37)), 1)
    values, covariance = delong(y, scores)
    found = areas(y, scores)
    assert np.abs(found.values - values).max() < 1e-10
    assert np.abs(found.covariance - covariance).max() < 1e-10


def obuchowski(y: np.ndarray, score: np.ndarray, groups: np.ndarray) -> float:
    """The variance of the area of clustered scans, sum by sum, as Obuchowski (1997) writes it."""
    first, second = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    above = {(i, j): float(score[i] > score[j]) + 0.5 * float(score[i] == score[j]) for i in first for j in second}
    area = np.mean(list(above.values()))
    v10 = {i: np.mean([above[i, j] for j in second]) for i in first}
    v01 = {j: np.mean([above[i, j] for i in first]) for j in second}
    sums = [
        (
            sum(v10[i] - area for i in first if groups[i] == group),
            sum(v01[j] - area for j in second if groups[j] == group),
        )
        for group in np.unique(groups)
    ]
    i10, i01, number = len(set(groups[first])), len(set(groups[second])), len(sums)
    s10 = i10 / ((i10 - 1) * len(first)) * sum(a**2 for a, _ in sums)
    s01 = i01 / ((i01 - 1) * len(second)) * sum(b**2 for _, b in sums)
    s11 = number / (number - 1) * sum(a * b for a, b in sums)
    return s10 / len(first) + s01 / len(second) + 2 * s11 / (len(first) * len(second))


def test_with_several_scans_a_person_the_variance_is_that_of_obuchowski() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 15, 40)
    y = (rng.random(40) < 0.5).astype(int)
    score = np.round(y + rng.normal(0, 1, 40) + 0.5 * groups % 3, 1)
    assert areas(y, score, groups).covariance[0, 0] == pytest.approx(obuchowski(y, score, groups), abs=1e-12)


def test_two_equal_scans_of_each_person_widen_the_naive_error_by_the_root_of_two() -> None:
    y, p, groups = twice(*scans(200, 0))
    of_people, naive = areas(y, p[:, 1], groups).covariance[0, 0], areas(y, p[:, 1]).covariance[0, 0]
    assert math.sqrt(of_people / naive) == pytest.approx(math.sqrt(2), rel=0.01)
    alone = areas(*(part[::2] for part in (y, p[:, 1], groups))).covariance[0, 0]
    assert of_people == pytest.approx(alone, abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "f1", "auc", "average_precision"])
def test_the_bootstrap_widens_by_the_root_of_two_as_well(name: str) -> None:
    y, p, groups = twice(*scans(200, 1))
    widths = [
        found.high - found.low
        for names in (groups, np.arange(400))
        for found in [group_bootstrap(name, [(y, p, names)], np.random.default_rng(0), 4000)]
    ]
    assert widths[0] / widths[1] == pytest.approx(math.sqrt(2), rel=0.06)


def test_the_interval_of_an_area_is_the_logit_interval_over_folds() -> None:
    folds = [scans(24, seed) for seed in range(3)]
    found = area_interval(folds)
    parts = [delong(y, p[:, 1][None]) for y, p, _ in folds]
    value, se = np.mean([one[0] for one, _ in parts]), math.sqrt(sum(float(v) for _, v in parts)) / 3
    middle, reach = math.log(value / (1 - value)), oracle.norm.ppf(0.975) * se / (value * (1 - value))
    bounds = [1 / (1 + math.exp(-at)) for at in (middle - reach, middle + reach)]
    assert (found.estimate, found.low, found.high) == pytest.approx((value, *bounds))
    assert found.estimate == pytest.approx(np.mean([metric("auc")(y, p) for y, p, _ in folds]))


def test_a_perfect_order_is_not_certain() -> None:
    y = np.arange(20) % 2
    p = np.stack([1.0 - y, y], axis=1)
    found, other = area_interval([(y, p, np.arange(20))]), area_interval([(y, 1 - p, np.arange(20))])
    expected = oracle.binomtest(10, 10).proportion_ci(0.95).low
    assert (found.low, found.high) == pytest.approx((expected, 1))
    assert (other.low, other.high) == pytest.approx((0, 1 - expected))


def test_an_area_without_an_error_has_no_interval_of_its_own_and_gets_that_of_the_bootstrap() -> None:
    y, p, groups = scans(12, 0)
    lone = np.where(y == 1, 0, groups)  # all positive scans are of one person
    assert math.isnan(area_interval([(y, p, lone)]).low)
    found = score_interval(metric("auc"), [(y, p, lone)], np.random.default_rng(0), 300)
    assert found == group_bootstrap("auc", [(y, p, lone)], np.random.default_rng(0), 300)
    assert score_interval(metric("auc"), [(y, p, groups)], np.random.default_rng(0)).repeats == 0
    assert score_interval(metric("f1"), [(y, p, groups)], np.random.default_rng(0), 300).repeats == 300


def test_one_class_has_no_area_and_no_interval() -> None:
    y, p, groups = scans(12, 0)
    found = area_interval([(np.ones(12), p, groups)])
    assert math.isnan(found.estimate)
    assert math.isnan(found.low)
    assert found.undefined == 1
    half = area_interval([(y, p, groups), (np.ones(12), p, groups)])
    assert (half.estimate, half.undefined) == pytest.approx((metric("auc")(y, p), 0.5))


def test_the_test_of_delong_over_folds_is_that_of_the_reference() -> None:
    ours, theirs = [scans(30, seed) for seed in range(2)], [scans(30, seed + 9, 0.2) for seed in range(2)]
    found = area_difference(ours, theirs)
    parts = [delong(y, np.stack([p[:, 1], q[:, 1]])) for (y, p, _), (_, q, _) in zip(ours, theirs, strict=True)]
    difference = np.mean([values[0] - values[1] for values, _ in parts])
    se = math.sqrt(sum(c[0, 0] + c[1, 1] - 2 * c[0, 1] for _, c in parts)) / 2
    assert (found.difference, found.se) == pytest.approx((difference, se), abs=1e-10)
    assert found.p == pytest.approx(2 * oracle.norm.sf(abs(difference / se)))
    assert area_difference(theirs, ours).difference == -found.difference


def test_models_with_the_same_order_of_scans_do_not_differ() -> None:
    folds = [scans(30, 0)]
    found = area_difference(folds, folds)
    assert (found.difference, found.se, found.p) == (0, 0, 1)
    with pytest.raises(ValueError, match="the same scans"):
        area_difference(folds, [(1 - folds[0][0], *folds[0][1:])])


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_is_that_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = rng.random(60) < 0.8, rng.random(60) < 0.6
    table = [[(ours & theirs).sum(), (ours & ~theirs).sum()], [(~ours & theirs).sum(), (~ours & ~theirs).sum()]]
    found = mcnemar(ours, theirs)
    assert found.p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert (found.ours, found.theirs) == (table[0][1], table[1][0])
    assert mcnemar(ours, ours).p == 1


def test_the_permutation_of_a_mean_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    y, p, q = rng.normal(size=10), rng.normal(size=10), rng.normal(0, 2, 10)
    found = permutation_test(metric("mae"), [(y, p, range(10))], [(y, q, range(10))], rng, 20_000)
    exact = oracle.permutation_test(
        (np.abs(p - y), np.abs(q - y)), lambda a, b, axis: (a - b).mean(axis=axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    assert found.difference == pytest.approx(exact.statistic)
    assert found.p == pytest.approx(exact.pvalue, abs=0.01)


def test_the_permutation_changes_whole_people() -> None:
    y, p, q = np.zeros(8), np.ones(8), np.zeros(8)
    alone = permutation_test(metric("mae"), [(y, p, range(8))], [(y, q, range(8))], np.random.default_rng(0))
    one = permutation_test(metric("mae"), [(y, p, ["a"] * 8)], [(y, q, ["a"] * 8)], np.random.default_rng(0))
    assert alone.p < 0.02
    assert one.p == 1


def test_permuting_a_score_of_all_scans_gives_the_result_of_permuting_a_mean() -> None:
    ours, theirs = [scans(60, 1, 3.0)], [scans(60, 2, 0.0)]
    found = permutation_test(metric("auc"), ours, theirs, np.random.default_rng(0), 199)
    assert found.difference == pytest.approx(area_difference(ours, theirs).difference)
    assert found.p < 0.02
    assert permutation_test(metric("f1"), ours, ours, np.random.default_rng(0), 99).p == 1


@pytest.mark.parametrize("name", ["auc", "mae"])
def test_bca_is_that_of_scipy_on_the_same_resamples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    y, p, groups = scans(40, 0, decimals=8)
    y, p = (y, p) if name == "auc" else (y.astype(float), p[:, 1] ** 3)
    made = []
    whole = np.quantile
    monkeypatch.setattr(np, "quantile", lambda draws, sides: made.append(draws) or whole(draws, sides))
    found = group_bootstrap(name, [(y, p, groups)], np.random.default_rng(0), 999, accelerated=True)
    ours = SimpleNamespace(bootstrap_distribution=made[0])
    monkeypatch.undo()
    index = np.arange(40)
    reference = oracle.bootstrap(
        (index,), lambda rows: metric(name)(y[rows.astype(int)], p[rows.astype(int)]), vectorized=False,
        n_resamples=0, bootstrap_result=ours, method="BCa",
    )  # fmt: skip
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval), abs=1e-9)


def test_bca_over_folds_is_that_of_scipy_over_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    errors = [rng.standard_exponential(size) for size in (12, 20)]
    made = []
    whole = np.quantile
    monkeypatch.setattr(np, "quantile", lambda draws, sides: made.append(draws) or whole(draws, sides))
    folds = [(one, np.zeros(len(one)), range(len(one))) for one in errors]
    found = group_bootstrap("mae", folds, rng, 999, accelerated=True)
    monkeypatch.undo()
    reference = oracle.bootstrap(
        errors, lambda a, b, axis: (a.mean(axis=axis) + b.mean(axis=axis)) / 2, vectorized=True, n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=made[0]), method="BCa",
    )  # fmt: skip
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval), abs=1e-9)


def test_an_undefined_bca_interval_is_reported() -> None:
    y = np.arange(12) % 2
    p = np.eye(2)[y]
    found = group_bootstrap("accuracy", [(y, p, range(12))], np.random.default_rng(0), 200, accelerated=True)
    assert found.estimate == 1
    assert math.isnan(found.low)


@pytest.mark.parametrize("name", ["balanced_accuracy", "auc", "accuracy"])
def test_three_classes_without_an_error_are_not_certain(name: str) -> None:
    y = np.repeat([0, 1, 2], [10, 6, 4])
    folds = [(y, np.eye(3)[y], np.arange(20)) for _ in range(5)]
    found = score_interval(metric(name), folds, np.random.default_rng(0), 200)
    assert (found.low, found.high) == (pytest.approx(oracle.beta.ppf(0.025, 20, 1)), 1.0)  # the rarest has 5 x 4
    wider = score_interval(metric(name), folds, np.random.default_rng(0), 200, correlation=0.2)
    assert wider.low < found.low


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1"])
def test_folds_all_right_and_all_wrong_are_not_certain(name: str) -> None:
    y = np.arange(12) % 2
    right, wrong = ((y, np.eye(2)[each], np.arange(12)) for each in (y, 1 - y))
    found = score_interval(metric(name), [right, wrong], np.random.default_rng(0), 200)
    bound = oracle.beta.ppf(0.025, 6, 1)  # of the six people of a class in one fold
    assert (found.estimate, found.low, found.high) == (0.5, pytest.approx(bound / 2), pytest.approx(1 - bound / 2))
    found = score_interval(metric(name), [wrong], np.random.default_rng(0), 200)
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, pytest.approx(1 - bound))


def test_a_constant_with_equal_scores_needs_no_bounds_and_one_person_has_none() -> None:
    y = np.arange(20) % 2
    constant = [(y, np.tile([0.9, 0.1], (20, 1)), np.arange(20))]
    found = score_interval(metric("balanced_accuracy"), constant, np.random.default_rng(0), 200)
    assert (found.low, found.high) == (0.5, 0.5)
    alone = [(np.array([60.0, 61.0]), np.array([50.0, 55.0]), np.array([0, 0]))]
    assert math.isnan(score_interval(metric("mae"), alone, np.random.default_rng(0), 200).low)


def _fold(order):
    """A fold of 12 people of whom all are ordered rightly (1), wrongly (-1) or not at all (0)."""
    y = np.repeat([0, 1], 6)
    second = 0.5 + order * np.where(y == 1, 0.3, -0.3)
    return y, np.stack([1 - second, second], axis=1), np.arange(12)


def test_folds_without_and_with_nothing_but_errors_have_no_interval_of_width_0():
    found = area_interval([_fold(1), _fold(-1)])
    exact = oracle.binomtest(6, 6).proportion_ci(0.95).low  # of the rarer class of each of the two folds
    assert found.estimate == 0.5
    assert (found.low, found.high) == pytest.approx((exact / 2, (1 + 1 - exact) / 2))


def test_a_fold_of_ties_adds_no_width_and_takes_none_from_the_faultless_folds():
    found = area_interval([_fold(1), _fold(1), _fold(0)])
    exact = oracle.binomtest(12, 12).proportion_ci(0.95).low
    assert (found.low, found.high) == pytest.approx(((2 * exact + 0.5) / 3, 2.5 / 3))


def test_an_answer_that_never_differs_has_an_area_of_one_half_on_any_people():
    found = area_interval([_fold(0), _fold(0)])
    assert (found.low, found.high) == (0.5, 0.5)
