"""What a comparison of two splits is expected to show, against simulated studies with known variances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.evaluation import FoldDifference, SplitScores, split_test
from bench.evaluation.design_power import SamplingDesign
from bench.evaluation.noise_model import NoiseModel
from bench.evaluation.split_power import (
    SplitDesign,
    detectable_between_splits,
    expected_split_error,
    with_any_partitions,
)

NOISE = NoiseModel(stable=1.0, noisy=0.4, training=0.05)
PEOPLE = 120


def scored(rng, own, places, groups, seeds):
    """Folds of one arm, averaged over seeds, and the scores of the seeds of the first."""
    folds, by_seed = [], []
    for place, who in zip(places, groups, strict=True):
        each = [
            own[who] + math.sqrt(NOISE.noisy) * rng.normal(size=len(who)) + math.sqrt(NOISE.training) * rng.normal()
            for _ in range(seeds)
        ]
        values = np.mean(each, axis=0)
        folds.append(FoldDifference(*place, values.mean(), values, np.zeros(len(who), int), who))
        by_seed += [one.mean() for one in each]
    return folds, by_seed


def study(rng, tested, partitions, seeds):
    """A publisher's split that tests some people, and five folds over all; sharing as the design says."""
    own = rng.normal(size=PEOPLE)
    first, by_seed = scored(rng, own, [(0, 0)], [np.arange(tested)], seeds)
    orders = [rng.permutation(PEOPLE) for _ in range(partitions)]
    places = [(partition, fold) for partition in range(partitions) for fold in range(5)]
    second, _ = scored(rng, own, places, [orders[p][k::5] for p, k in places], seeds)
    return split_test(SplitScores(first, 1.25, seeds, by_seed), SplitScores(second, 1.8, seeds))


def design(tested, partitions, seeds):
    first = SamplingDesign(tested, 1, 1, seeds, 1.25)
    return SplitDesign(first, SamplingDesign(PEOPLE, 5, partitions, seeds, 1.8), tested)


@pytest.mark.parametrize(("tested", "partitions", "seeds"), [(30, 4, 1), (30, 6, 1), (90, 1, 4)])
def test_the_expected_error_is_that_of_simulated_studies(tested, partitions, seeds):
    rng = np.random.default_rng(0)
    found = [study(rng, tested, partitions, seeds) for _ in range(150)]
    expected = expected_split_error(NOISE, design(tested, partitions, seeds))
    assert expected.se == pytest.approx(math.sqrt(np.mean([each.se**2 for each in found])), rel=0.06)


def test_more_people_partitions_and_seeds_show_smaller_differences():
    base = detectable_between_splits(NOISE, design(30, 1, 2))
    assert detectable_between_splits(NOISE, design(60, 1, 2)) < base
    assert detectable_between_splits(NOISE, design(30, 4, 2)) < base
    assert detectable_between_splits(NOISE, design(30, 1, 6)) < base
    assert detectable_between_splits(NOISE, with_any_partitions(design(30, 4, 2))) < base
    assert detectable_between_splits(NOISE, design(30, 1, 2), tests=6) > base


def test_two_trainings_show_nothing():
    one = SamplingDesign(30, 1, 1, 1, 1.25)
    assert math.isnan(expected_split_error(NOISE, SplitDesign(one, one, 30)).se)
    assert math.isnan(expected_split_error(NOISE, design(30, 1, 1)).se)
