"""The partial and the full confounder test: their level where nothing is wrong, and what they find."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evaluation.confounder_test import Variable, conditional_permutations, confounder_test

STUDIES, PEOPLE = 100, 60
# One pair has both ways of permuting, inside categories and given a number; the others are tried in the slow suite.
KINDS = [
    pytest.param(target, covariate, marks=[] if (target, covariate) == (True, False) else [pytest.mark.slow])
    for target in (True, False)
    for covariate in (True, False)
]


def variable(rng: np.random.Generator, values: np.ndarray, categories: bool) -> Variable:
    """The numbers, or categories that they make likely."""
    noisy = values + 0.7 * rng.standard_normal(len(values))
    return Variable((noisy > 0).astype(int), True) if categories else Variable(noisy, False)


def rejected(kind: str, of_target: float, of_covariate: float, target: bool, covariate: bool) -> float:
    """The share of studies with p < 0.05. kind: partial or full. target, covariate: whether they are categories."""
    rng = np.random.default_rng([9, target, covariate])
    found = []
    for _ in range(STUDIES):
        common = rng.standard_normal(PEOPLE)
        y, c = variable(rng, np.sin(common) + common, target), variable(rng, common, covariate)
        effects = [(each.values - each.values.mean()) / each.values.std() for each in (y, c)]
        predicted = of_target * effects[0] + of_covariate * effects[1] + 0.5 * rng.standard_normal(PEOPLE)
        moved, given = (c, y) if kind == "partial" else (y, c)
        permuted = conditional_permutations(moved, given, rng, permutations=99, steps=30)
        found.append(confounder_test(predicted[:, None], moved, permuted).p <= 0.05)
    return float(np.mean(found))


@pytest.mark.parametrize(("target", "covariate"), KINDS)
def test_predictions_of_the_target_alone_have_no_bias_and_are_more_than_the_covariate(target, covariate):
    assert rejected("partial", 1.0, 0.0, target, covariate) < 0.05 + 2.6 * (0.05 * 0.95 / STUDIES) ** 0.5
    assert rejected("full", 1.0, 0.0, target, covariate) > 0.9


@pytest.mark.parametrize(("target", "covariate"), KINDS)
def test_predictions_of_the_covariate_alone_have_a_bias_and_nothing_more(target, covariate):
    assert rejected("partial", 0.0, 1.0, target, covariate) > 0.9
    assert rejected("full", 0.0, 1.0, target, covariate) < 0.05 + 2.6 * (0.05 * 0.95 / STUDIES) ** 0.5


def test_permutations_inside_categories_keep_how_often_each_pair_of_values_occurs():
    rng = np.random.default_rng(1)
    y, c = Variable(rng.integers(0, 3, 60), True), Variable(rng.integers(0, 2, 60), True)
    for order in conditional_permutations(c, y, rng, permutations=5):
        assert sorted(order) == list(range(60))
        assert np.array_equal(np.bincount(2 * y.values + c.values[order]), np.bincount(2 * y.values + c.values))


def test_permutations_given_a_number_keep_the_correlation_with_it():
    rng = np.random.default_rng(2)
    z = rng.standard_normal(300)
    x = Variable(z + 0.5 * rng.standard_normal(300), False)
    orders = conditional_permutations(x, Variable(z, False), rng, permutations=60)
    drawn = [np.corrcoef(x.values[order], z)[0, 1] for order in orders]
    assert np.mean(drawn) == pytest.approx(np.corrcoef(x.values, z)[0, 1], abs=0.02)
    assert np.mean([(order != np.arange(300)).mean() for order in orders]) > 0.9


def test_the_share_in_common_is_r_squared():
    rng = np.random.default_rng(3)
    c = rng.standard_normal(50)
    predicted = c + rng.standard_normal(50)
    found = confounder_test(predicted[:, None], Variable(c, False), np.stack([rng.permutation(50) for _ in range(200)]))
    assert found.shared == pytest.approx(np.corrcoef(predicted, c)[0, 1] ** 2)
    assert found.p == pytest.approx(1 / 201)
    assert found.expected == pytest.approx(1 / 49, abs=0.01)


def test_predictions_that_do_not_vary_are_not_tested():
    found = confounder_test(np.ones((9, 1)), Variable(np.arange(9.0), False), np.arange(9)[None])
    assert np.isnan(found.p)
