"""The statistics of folds against closed forms, statsmodels and scipy, and what they refuse to say."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp, ttest_ind
from statsmodels.stats.multitest import multipletests

from bench.evaluation import (
    Contrast,
    average_seeds,
    corrected_interval,
    fold_mean,
    group_bootstrap,
    holm,
    paired,
    random_labels_verdict,
)
from bench.evaluation.metrics import metric

few = settings(max_examples=60, deadline=None, derandomize=True)
numbers = st.floats(-10, 10, allow_subnormal=False)


def binary(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Targets, probabilities and groups of two scans each."""
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.permutation(np.arange(n // 2) % 2), 2)
    score = 1 / (1 + np.exp(-(y - 0.5) - rng.standard_normal(n)))
    return y, np.stack([1 - score, score], axis=1), [f"p{i // 2}" for i in range(n)]


def test_the_corrected_test_of_a_case_worked_by_hand() -> None:
    found = corrected_interval(np.array([1.0, 2, 3, 4, 5]), 80, 20)
    se = math.sqrt(2.5 * (1 / 5 + 1 / 4))
    assert (found.mean, found.df, found.reason) == (3, 4, "")
    assert found.se == pytest.approx(se)
    assert found.t == pytest.approx(3 / se)
    assert (found.low, found.high) == pytest.approx((3 - 2.7764451 * se, 3 + 2.7764451 * se))


@few
@given(d=st.lists(numbers, min_size=2, max_size=12).filter(lambda d: np.ptp(d) > 1e-6), level=st.floats(0.5, 0.99))
def test_without_a_test_part_it_is_the_t_test_of_scipy(d: list[float], level: float) -> None:
    found, oracle = corrected_interval(np.array(d), 1e15, 1e-15, level), ttest_1samp(d, 0)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(oracle.confidence_interval(level)), rel=1e-6, abs=1e-9)


@few
@given(d=st.lists(numbers, min_size=2, max_size=12).filter(lambda d: np.ptp(d) > 1e-6), factor=st.floats(0.1, 10))
def test_the_test_is_independent_of_unit_direction_and_order(d: list[float], factor: float) -> None:
    found, other = corrected_interval(np.array(d), 4, 1), corrected_interval(-factor * np.array(d)[::-1], 4, 1)
    assert other.p == pytest.approx(found.p, abs=1e-9)
    assert (-other.high, -other.low) == pytest.approx((factor * found.low, factor * found.high), abs=1e-8)
    assert (found.low <= 0 <= found.high) == (found.p >= 0.05) or found.p == pytest.approx(0.05)


def test_the_correction_widens_and_averages_the_ratio_of_the_sizes() -> None:
    d = np.array([0.1, -0.2, 0.3])
    assert corrected_interval(d, 80, 20).se > corrected_interval(d, 90, 10).se
    assert corrected_interval(d, [80, 80, 40], [20, 20, 20]).se == pytest.approx(corrected_interval(d, 3, 1).se)


def test_people_that_all_folds_are_tested_on_add_their_variance_as_in_the_test_of_welch() -> None:
    rng = np.random.default_rng(4)
    d, people = rng.normal(0.1, 0.1, 5), rng.normal(0, 0.4, 30)
    people -= people.mean()
    found = corrected_interval(d, 1e12, 1, people=(people.var(ddof=1) / 30, 30))
    expected = ttest_ind(d, people, equal_var=False)
    assert (found.t, found.p, found.df) == pytest.approx((expected.statistic, expected.pvalue, expected.df))


def test_an_equal_difference_in_all_folds_is_tested_on_people_only_with_their_predictions() -> None:
    found = corrected_interval(np.full(5, 0.3), 80, 20, people=(0.01, 40))
    assert found.p == pytest.approx(2 * t.sf(3, 39))
    unkept = corrected_interval(np.arange(5.0), 80, 20, people=(math.nan, 0))
    assert math.isnan(unkept.p)
    assert "no predictions are saved" in unkept.reason


def test_identical_arms_differ_by_nothing() -> None:
    assert corrected_interval(np.zeros(5), 80, 20) == Contrast(0, 0, 0, 0, 0, 4, 1)


def test_an_impossible_test_gives_the_reason() -> None:
    for d, reason in [([0.1], "1 difference"), ([], "0 differences"), ([0.8 - 0.7, 0.9 - 0.8], "same in every fold")]:
        found = corrected_interval(np.array(d), 80, 20)
        assert all(math.isnan(value) for value in (found.p, found.low, found.high))
        assert reason in found.reason


@pytest.mark.parametrize(("d", "train", "test"), [([0, math.nan], 1, 1), ([0, 1], 0, 1), ([0, 1], [1, 1, 1], 1)])
def test_differences_and_sizes_that_are_none_are_refused(d: list[float], train: object, test: object) -> None:
    with pytest.raises(ValueError, match=r"finite numbers|sizes of the parts"):
        corrected_interval(np.array(d), train, test)


@settings(few, max_examples=12)  # each call of the oracle collects the garbage: 0.1 s
@given(p=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_leaves_out_what_was_not_tested() -> None:
    assert holm([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)
    assert np.isnan(holm([math.nan])).all()
    assert holm([]).shape == (0,)


def test_seeds_are_averaged_before_folds() -> None:
    scores = {(0, 0, 0): 0.6, (0, 0, 1): 0.8, (0, 1, 0): 0.5, (0, 1, 1): math.nan, (1, 0, 0): math.nan}
    assert average_seeds(scores) == pytest.approx({(0, 0): 0.7, (0, 1): 0.5})
    assert fold_mean(scores) == pytest.approx(0.6)
    assert math.isnan(fold_mean({}))


def test_arms_are_paired_over_the_cells_that_both_have() -> None:
    arm = {(0, 0, 0): 0.9, (0, 0, 1): 0.7, (0, 1, 0): 0.8, (0, 1, 1): 0.5}
    reference = {(0, 0, 0): 0.5, (0, 0, 1): 0.5, (0, 1, 0): 0.7, (0, 1, 1): math.nan}
    found = paired(arm, reference, planned=[*arm, (0, 2, 0)])
    assert found.cells == ((0, 0), (0, 1))
    assert found.differences == pytest.approx([0.3, 0.1])
    assert found.missing == ((0, 1, 1), (0, 2, 0))
    assert paired(arm, {}).differences.shape == (0,)


def test_the_bootstrap_resamples_whole_groups() -> None:
    y, p = np.array([10.0, 10, 0]), np.zeros(3)  # errors 10, 10 and 0: of one group and of another
    found = group_bootstrap("mae", [(y, p, ["a", "a", "b"])], np.random.default_rng(0), 4000)
    assert (found.estimate, found.low, found.high) == pytest.approx((20 / 3, 0, 10))
    one = group_bootstrap("mae", [(y, p, ["a", "a", "a"])], np.random.default_rng(0))
    assert one.low == one.high == pytest.approx(20 / 3)


@pytest.mark.parametrize("name", ["auc", "accuracy", "f1"])
def test_the_bootstrap_equals_one_written_as_a_loop(name: str) -> None:
    folds = [binary(30, 1), binary(24, 2)]
    found = group_bootstrap(name, folds, np.random.default_rng(3), 300)
    rng, draws = np.random.default_rng(3), []
    for y, p, groups in folds:
        people = np.unique(groups)
        rows = [np.flatnonzero(np.isin(groups, [person])) for person in people]
        for chosen in rng.integers(0, len(people), (300, len(people))):
            drawn = np.concatenate([rows[person] for person in chosen])
            draws.append(metric(name)(y[drawn], p[drawn]))
    means = np.nanmean(np.array(draws).reshape(2, 300), axis=0)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert found.estimate == pytest.approx(np.mean([metric(name)(y, p) for y, p, _ in folds]))


def test_the_bootstrap_of_a_mean_has_the_width_of_the_closed_form() -> None:
    y = np.random.default_rng(0).standard_normal(200) ** 2
    found = group_bootstrap("mae", [(y, np.zeros(200), range(200))], np.random.default_rng(1), 4000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * y.std() / math.sqrt(200), rel=0.06)


def test_scores_of_different_models_are_never_pooled() -> None:
    y = np.array([0, 1] * 20)
    folds = [(y, np.stack([1 - c, c], axis=1), range(40)) for c in (np.full(40, 0.1), np.full(40, 0.9))]
    found = group_bootstrap("auc", folds, np.random.default_rng(0), 200)
    assert found.estimate == found.low == found.high == 0.5


def test_folds_and_resamples_without_a_score_are_counted_and_left_out() -> None:
    y, p, groups = binary(8, 0)
    one_class = (np.ones(4), np.full((4, 2), 0.5), range(4))
    found = group_bootstrap("auc", [(y, p, groups), one_class], np.random.default_rng(0), 500)
    assert found.estimate == pytest.approx(metric("auc")(y, p))
    assert found.undefined == pytest.approx(0.5 + 0.5 * 2 * 0.5**4, abs=0.03)
    assert found.repeats == round(500 * (2 - 2 * found.undefined))
    nothing = group_bootstrap("auc", [one_class], np.random.default_rng(0))
    assert math.isnan(nothing.estimate)
    assert (nothing.repeats, nothing.undefined) == (0, 1)


def test_masks_are_resampled_by_their_score_of_each_scan() -> None:
    y, p = np.zeros((6, 4, 4), int), np.zeros((6, 4, 4), int)
    y[:, 1, 1] = p[:3, 1, 1] = p[3:, 1, 2] = 1
    found = group_bootstrap("hd95", [(y, p, range(6))], np.random.default_rng(0), 500, spacing=(1.0, 2.0))
    assert (found.estimate, found.low >= 0, found.high <= 2) == (1, True, True)


def test_the_same_generator_gives_the_same_interval() -> None:
    first, second, other = (group_bootstrap("auc", [binary(30, 0)], np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == second
    assert first != other


def test_the_bootstrap_refuses_no_folds_and_groups_that_do_not_fit() -> None:
    y, p, groups = binary(8, 0)
    with pytest.raises(ValueError, match="at least one fold"):
        group_bootstrap("auc", [], np.random.default_rng(0))
    with pytest.raises(ValueError, match="7 groups for 8 scans"):
        group_bootstrap("auc", [(y, p, groups[1:])], np.random.default_rng(0))


@pytest.mark.parametrize("name", ["auc", "f1", "mae", "correlation"])
def test_a_bootstrap_of_a_study_takes_a_fraction_of_a_second(name: str) -> None:
    folds = [binary(40, seed) for seed in range(5)]
    if name in ("mae", "correlation"):
        folds = [(y.astype(float), p[:, 1], groups) for y, p, groups in folds]
    group_bootstrap(name, folds, np.random.default_rng(0), 10)
    start = time.process_time()
    group_bootstrap(name, folds, np.random.default_rng(0))
    assert time.process_time() - start < 0.5


def test_random_labels_pass_near_chance_fail_far_from_it_and_need_twenty() -> None:
    near, far = 0.5 + 0.05 * np.sin(np.arange(20)), 0.56 + 0.05 * np.sin(np.arange(20))
    found = random_labels_verdict(near, 0.5)
    assert found.passes
    assert (found.permutations, found.chance) == (20, 0.5)
    assert found.se == pytest.approx(near.std(ddof=1) / math.sqrt(20))
    assert random_labels_verdict(far, 0.5).verdict == "fails"
    assert random_labels_verdict([*near[:19], math.nan], 0.5).verdict == "too few"
    assert math.isnan(random_labels_verdict([], 0.5).mean)
    assert random_labels_verdict(np.full(20, 0.5), 0.5).passes
