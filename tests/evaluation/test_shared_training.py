"""The allowance for training parts that folds share, against models that are sums over their training scans."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.evaluation import FoldDifference, people_test
from bench.evaluation.shared_training import repeated_sharing

PEOPLE, FOLDS, LEARNT = 40, 5, 0.8  # share of the people outside a test part who are learnt from


def study(rng: np.random.Generator, partitions: int) -> list[FoldDifference]:
    """Nothing to learn: the value of a person is the mean, over those who are learnt from, of what a pair shows."""
    pairs = np.triu(rng.normal(size=(PEOPLE, PEOPLE)), 1)
    pairs, found = pairs + pairs.T, []
    for partition in range(partitions):
        order = rng.permutation(PEOPLE)
        for fold in range(FOLDS):
            who = order[fold::FOLDS]
            rest = rng.permutation(np.setdiff1d(order, who))[: round(LEARNT * (PEOPLE - len(who)))]
            values = pairs[np.ix_(who, rest)].mean(axis=1)
            found.append(FoldDifference(partition, fold, values.mean(), values, np.zeros(len(who), int), who))
    return found


@pytest.mark.parametrize(("partitions", "studies"), [(1, 3000), (4, 1200), (12, 600)])
def test_the_variance_over_people_is_that_of_repeated_studies(partitions, studies):
    rng = np.random.default_rng(99)
    tests = [people_test(study(rng, partitions), 1 + LEARNT) for _ in range(studies)]
    true = np.var([each.mean for each in tests])
    assert np.mean([each.se_people**2 for each in tests]) / true == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(("partitions", "factor"), [(1, 1.8), (4, 1.93151), (math.inf, 2.0)])
def test_more_partitions_need_a_larger_allowance(partitions, factor):
    assert repeated_sharing(1.8, 5, partitions) == pytest.approx(factor, abs=1e-4)


@pytest.mark.parametrize("partitions", [1, 10, math.inf])
def test_models_that_learn_from_no_test_part_need_none(partitions):
    assert repeated_sharing(1.0, 5, partitions) == 1
