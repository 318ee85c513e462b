"""The detectable difference: against the noncentral t distribution and against simulated tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.evaluation import detectable, power
from bench.evaluation.detectable_difference import detectable_range


@pytest.mark.parametrize("tests", [1, 6, 31, 100])
@pytest.mark.parametrize("df", [1.5, 3.0, 8.5, 60.0, 5000.0])
def test_its_power_is_four_fifths_at_the_first_step_of_holm(df, tests):
    away, critical = detectable(0.03, df, tests) / 0.03, stats.t.ppf(1 - 0.05 / tests / 2, df)
    assert stats.nct.sf(critical, df, away) == pytest.approx(0.8, abs=0.002)


def test_simulated_studies_find_it_in_four_fifths():
    rng, df, tests, studies = np.random.default_rng(0), 6, 4, 40000
    size = detectable(2.0, df, tests)
    errors = 2.0 * np.sqrt(rng.chisquare(df, studies) / df)
    t = rng.normal(size, 2.0, studies) / errors
    p = 2 * stats.t.sf(np.abs(t), df)
    assert (p < 0.05 / tests).mean() == pytest.approx(0.8, abs=0.008)


def test_power_is_that_of_simulated_studies():
    rng, df, studies = np.random.default_rng(1), 9, 40000
    t = rng.normal(1.5, 1.0, studies) / np.sqrt(rng.chisquare(df, studies) / df)
    assert power(1.5, 1.0, df) == pytest.approx((2 * stats.t.sf(np.abs(t), df) < 0.05).mean(), abs=0.01)
    assert power(-1.5, 1.0, df) == pytest.approx(power(1.5, 1.0, df))


def test_without_a_difference_power_is_the_level():
    assert power(0.0, 1.0, 12, tests=5) == pytest.approx(0.01)


def test_its_interval_has_the_true_one_in_95_percent_of_studies():
    rng, df = np.random.default_rng(2), 7
    truth = detectable(1.0, df, 3)
    ranges = [detectable_range(math.sqrt(rng.chisquare(df) / df), df, 3) for _ in range(600)]
    assert np.mean([low <= truth <= high for low, high in ranges]) == pytest.approx(0.95, abs=0.03)


def test_more_tests_and_fewer_degrees_of_freedom_make_it_larger():
    sizes = [detectable(1.0, df, tests) for df, tests in ((100, 1), (100, 6), (10, 6), (4, 6))]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(("se", "df", "tests"), [(math.nan, 5, 1), (1.0, math.nan, 1), (1.0, 5, 0)])
def test_it_is_unknown_where_the_error_is(se, df, tests):
    assert math.isnan(detectable(se, df, tests))
    assert all(math.isnan(bound) for bound in detectable_range(se, df, tests))


def test_without_an_error_every_difference_is_detectable():
    assert detectable(0.0, 5) == 0
    assert (power(0.1, 0.0, 5), power(0.0, 0.0, 5)) == (1.0, 0.0)
