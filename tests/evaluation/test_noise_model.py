"""The noise of a contrast: estimated from differences, and what it says about designs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.core import Task
from bench.evaluation.design_power import (
    SamplingDesign,
    cross_validation_sharing,
    detectable_difference,
    expected_error,
    partitions_needed,
    people_needed,
)
from bench.evaluation.noise_model import NoiseModel, estimate_noise
from bench.evaluation.noise_priors import prior_noise
from bench.evaluation.person_test import FoldDifference, people_test

TRUE = NoiseModel(stable=0.09, noisy=0.16, training=0.0036)
DESIGN = SamplingDesign(200, 5, 4, 1, cross_validation_sharing(5))


def drawn(rng: np.random.Generator, noise: NoiseModel, design: SamplingDesign) -> list[FoldDifference]:
    """Normal contributions of people, of each training on each person, and of each training on a whole fold."""
    own = rng.normal(0, math.sqrt(noise.stable), design.people)
    folds = []
    for partition in range(design.partitions):
        order = rng.permutation(design.people)
        for fold in range(design.folds):
            who = np.arange(design.people) if design.same_people else order[fold :: design.folds]
            seeds = rng.normal(0, math.sqrt(noise.noisy), (design.seeds, len(who)))
            seeds += rng.normal(0, math.sqrt(noise.training), (design.seeds, 1))
            values = own[who] + seeds.mean(axis=0)
            folds.append(FoldDifference(partition, fold, values.mean(), values, np.zeros(len(who), int), who))
    return folds


@pytest.mark.parametrize("same_people", [False, True])
def test_moments_recover_the_variances(same_people):
    rng = np.random.default_rng(1)
    design = replace(DESIGN, same_people=same_people)
    found = [estimate_noise(drawn(rng, TRUE, design), same_people) for _ in range(150)]
    for name in ("stable", "noisy", "training"):
        mean = np.mean([getattr(each, name) for each in found])
        assert mean == pytest.approx(getattr(TRUE, name), rel=0.1), name


def test_one_pass_shows_the_variance_of_people_and_not_its_parts():
    rng = np.random.default_rng(2)
    noise = replace(TRUE, training=0.0)
    found = [estimate_noise(drawn(rng, noise, replace(DESIGN, partitions=1))) for _ in range(150)]
    total = np.mean([each.stable + each.noisy for each in found])
    assert total == pytest.approx(noise.stable + noise.noisy, rel=0.1)
    assert all(each.stable / (each.stable + each.noisy) == pytest.approx(0.7) for each in found)


def test_too_little_is_no_estimate():
    folds = drawn(np.random.default_rng(3), TRUE, DESIGN)
    assert estimate_noise(folds[:1]) is None
    assert estimate_noise([]) is None
    alike = [replace(fold, values=np.zeros(len(fold.values)), difference=0.0) for fold in folds]
    assert estimate_noise(alike) is None  # nothing is known of the noise of arms that are the same for everybody


@pytest.mark.parametrize(
    "changes",
    [
        {"partitions": 1}, {}, {"folds": 10, "partitions": 2, "seeds": 2}, {"people": 60},
        {"same_people": True, "sharing": 1.0, "train_to_test": 0.3},
    ],
)  # fmt: skip
def test_the_expected_error_is_that_of_the_test(changes):
    rng, design = np.random.default_rng(4), replace(DESIGN, **changes)
    tests = [
        people_test(drawn(rng, TRUE, design), design.sharing, design.same_people, design.train_to_test)
        for _ in range(150)
    ]
    expected = expected_error(TRUE, design)
    assert expected.se == pytest.approx(np.mean([test.se for test in tests]), rel=0.1)
    found = np.mean([test.detectable(6) for test in tests])
    assert detectable_difference(TRUE, design, 6) == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize("changes", [{}, {"partitions": 1}, {"people": 60, "partitions": 2}, {"same_people": True}])
def test_four_studies_of_five_find_the_difference_that_is_called_detectable(changes):
    rng, design = np.random.default_rng(7), replace(DESIGN, sharing=1.0, **changes)
    size, shown = detectable_difference(TRUE, design, 6), 0
    for _ in range(400):
        folds = drawn(rng, TRUE, design)
        folds = [replace(fold, difference=fold.difference + size, values=fold.values + size) for fold in folds]
        shown += people_test(folds, 1.0, design.same_people).p < 0.05 / 6
    assert 0.74 <= shown / 400 <= 0.86  # 0.8 within three standard errors


@pytest.mark.parametrize(
    ("name", "values"),
    [("people", (30, 100, 300, 1000)), ("partitions", (1, 2, 4, 20, math.inf)), ("seeds", (1, 2, 5))],
)
def test_more_people_partitions_and_seeds_show_smaller_differences(name, values):
    sizes = [detectable_difference(TRUE, replace(DESIGN, **{name: value}), 6) for value in values]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_more_tests_ask_for_larger_differences():
    sizes = [detectable_difference(TRUE, DESIGN, tests) for tests in (1, 2, 6, 40)]
    assert sizes == sorted(sizes)


def test_the_numbers_that_are_needed_are_the_smallest_that_are_enough():
    wanted = 0.9 * detectable_difference(TRUE, DESIGN, 6)
    people = people_needed(TRUE, DESIGN, wanted, 6)
    assert detectable_difference(TRUE, replace(DESIGN, people=people), 6) <= wanted
    assert detectable_difference(TRUE, replace(DESIGN, people=people - 1), 6) > wanted
    partitions = partitions_needed(TRUE, DESIGN, wanted, 6)
    assert detectable_difference(TRUE, replace(DESIGN, partitions=partitions), 6) <= wanted
    assert detectable_difference(TRUE, replace(DESIGN, partitions=partitions - 1), 6) > wanted


def test_no_number_of_partitions_goes_below_the_floor_of_the_people():
    floor = detectable_difference(TRUE, replace(DESIGN, partitions=math.inf), 6)
    assert partitions_needed(TRUE, DESIGN, 0.999 * floor, 6) is None
    assert partitions_needed(TRUE, DESIGN, 1.01 * floor, 6) > DESIGN.partitions


def test_no_number_of_people_averages_the_training_out():
    assert people_needed(TRUE, replace(DESIGN, partitions=1), 0.02) is None


@pytest.mark.parametrize("changes", [{"people": 2}, {"folds": 1, "partitions": 1}])
def test_where_no_test_is_possible_nothing_is_detectable(changes):
    assert math.isnan(detectable_difference(TRUE, replace(DESIGN, **changes)))


def test_the_prior_of_an_area_is_that_of_drawn_scores():
    rng, people = np.random.default_rng(5), 20_000
    noise = prior_noise(Task("classification", "auc", ("a", "b")), (people, people)).noise
    distance = 0.95387  # of two normal distributions with an area of .75 between them
    high, low = rng.normal(distance, 1, people), np.sort(rng.normal(0, 1, people))
    placement = np.searchsorted(low, high) / people
    assert placement.mean() == pytest.approx(0.75, abs=0.01)
    assert noise.stable + noise.noisy == pytest.approx(4 * placement.var(), rel=0.03)  # two classes of half the people


def test_a_rare_class_makes_an_area_noisier():
    task = Task("classification", "auc", ("a", "b"))
    even, rare = (prior_noise(task, counts).noise for counts in ((50, 50), (90, 10)))
    assert rare.stable == pytest.approx(even.stable * (1 / 0.9 + 1 / 0.1) / 4)
    assert rare.df_share < even.df_share


def test_the_prior_of_numbers_has_their_spread():
    task = Task("regression", "mae", (), "years")
    error = np.abs(np.random.default_rng(6).normal(0, 10, 200_000))  # half of a spread of 20
    noise = prior_noise(task, spread=20.0).noise
    assert noise.stable + noise.noisy == pytest.approx(error.var(), rel=0.02)
    unknown = prior_noise(task)
    assert unknown.noise is None
    assert "spread of the targets is unknown" in unknown.reason


def test_nothing_is_assumed_of_a_metric_in_millimetres():
    found = prior_noise(Task("segmentation", "hd95", ("rest", "artery")))
    assert found.noise is None
    assert "HD95" in found.reason
