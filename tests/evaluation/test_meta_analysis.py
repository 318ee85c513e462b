"""Statistics over folds and over data sets against statsmodels, scikit-posthocs and published tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scikit_posthocs import posthoc_nemenyi_friedman
from scipy.stats import friedmanchisquare
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from bench.evaluation import corrected_interval, equivalence, improvement, random_effects, rank_arms

few = settings(max_examples=40, deadline=None, derandomize=True)


@few
@given(seed=st.integers(0, 1000), sets=st.integers(2, 8), spread=st.floats(0, 0.2))
def test_random_effects_are_those_of_statsmodels(seed: int, sets: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    errors = rng.uniform(0.01, 0.08, sets)
    effects = rng.normal(0.03, spread, sets) + rng.normal(0, errors)
    with np.errstate(invalid="ignore"):  # its variance between data sets may be negative
        reference = combine_effects(effects, errors**2, method_re="dl", use_t=True)
    found = random_effects(effects, errors)
    assert found.q == pytest.approx(reference.q)
    assert found.tau2 == pytest.approx(max(0.0, reference.tau2), abs=1e-12)
    assert found.i2 == pytest.approx(max(0.0, reference.i2), abs=1e-9)
    alike = reference.tau2 <= 0  # no variance between data sets is seen: that of the errors alone
    narrow = alike or reference.scale_hksj_re < 1
    kind = "fe" if alike else "re"
    assert found.mean == pytest.approx(getattr(reference, f"mean_effect_{kind}"))
    se = getattr(reference, f"sd_eff_w_{kind}{'' if narrow else '_hksj'}")
    assert found.se == pytest.approx(se)
    if not alike:
        assert (found.low, found.high) == pytest.approx(reference.conf_int(use_t=True)[1 if narrow else 3])


def test_random_effects_of_a_case_worked_by_hand() -> None:
    found = random_effects([0.0, 0.2], [0.1, 0.1])
    assert (found.mean, found.q, found.tau2) == pytest.approx((0.1, 2.0, 0.01))
    assert (found.i2, found.se, found.df) == (pytest.approx(0.5), pytest.approx(0.1), 1)
    assert found.high - found.mean == pytest.approx(12.7062 * 0.1, rel=1e-4)


@pytest.mark.parametrize(
    ("effects", "errors"), [([0.1], [0.1]), ([], []), ([0.1, 0.2], [0.1, 0.0]), ([0.1, math.nan], [1, 1])]
)
def test_what_cannot_be_pooled_is_not(effects: list[float], errors: list[float]) -> None:
    assert math.isnan(random_effects(effects, errors).p)
    with pytest.raises(ValueError, match="do not fit"):
        random_effects([*effects, 1.0], errors)


DEMSAR = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize("arms", DEMSAR)
def test_the_critical_difference_is_that_of_the_published_table(arms: int) -> None:
    scores = np.random.default_rng(0).random((6, arms))
    assert rank_arms(scores).critical == pytest.approx(DEMSAR[arms] * math.sqrt(arms * (arms + 1) / 36), rel=5e-4)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_a_critical_difference_apart_have_the_p_of_scikit_posthocs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random((12, 5)) + np.linspace(0, 0.9, 5), 1)
    p = np.asarray(posthoc_nemenyi_friedman(scores))
    for level in (0.9, 0.95, 0.99):
        found = rank_arms(scores, level)
        apart = np.abs(found.means[:, None] - found.means) > found.critical
        assert (apart == (p < 1 - level)).all()
    assert found.p == pytest.approx(friedmanchisquare(*scores.T).pvalue)


def test_the_best_has_rank_one_and_ties_share() -> None:
    found = rank_arms(np.array([[0.9, 0.5, 0.5], [0.8, 0.7, 0.6]]))
    assert found.means == pytest.approx([1, 2.25, 2.75])


def test_six_data_sets_are_reported_as_too_few_for_ten_arms() -> None:
    rng = np.random.default_rng(0)
    assert rank_arms(rng.random((6, 10))).critical == pytest.approx(5.53, abs=0.01)
    assert rank_arms(rng.random((6, 10))).underpowered
    assert rank_arms(rng.random((1, 10))).underpowered
    assert not rank_arms(rng.random((30, 10))).underpowered
    with pytest.raises(ValueError, match="finite scores"):
        rank_arms(np.array([[1.0, math.nan]]))


@few
@given(d=st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=30))
def test_without_shared_training_parts_improvement_is_a_share_with_the_interval_of_wilson(d: list[float]) -> None:
    d = [value for value in d if value]
    if not d:
        return
    found = improvement(np.array(d), 1e15, 1e-15)
    wins = sum(value > 0 for value in d)
    assert found.share == wins / len(d)
    assert (found.low, found.high) == pytest.approx(proportion_confint(wins, len(d), method="wilson"), abs=1e-9)


def test_shared_training_parts_widen_and_ties_count_half() -> None:
    d = np.array([0.1, 0.2, 0.1, 0.0, -0.1])
    free, shared = improvement(d, 1e15, 1e-15), improvement(d, 64, 20)
    assert free.share == shared.share == 0.7
    assert shared.low < free.low
    assert shared.high > free.high
    assert math.isnan(improvement(np.array([]), 1, 1).share)


@pytest.mark.parametrize("margin", [0.01, 0.1, 0.5])
def test_without_a_test_part_equivalence_is_that_of_statsmodels(margin: float) -> None:
    d = np.array([0.02, -0.05, 0.11, 0.07, -0.01, 0.03])
    reference = DescrStatsW(d).ttost_mean(-margin, margin)[0]
    assert equivalence(corrected_interval(d, 1e15, 1e-15), margin) == pytest.approx(reference, rel=1e-6)
    assert math.isnan(equivalence(corrected_interval(d, 3, 1), None))
    assert math.isnan(equivalence(corrected_interval(d[:1], 3, 1), margin))
