"""Scores inside strata: against sums over pairs, with intervals of the stated coverage, and no word about strata."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.evaluation import metrics
from bench.evaluation.covariate_strata import crossed_strata, matched_people, number_bands
from bench.evaluation.stratified_score import (
    LabelledPart,
    change_p,
    plain_score,
    score_change,
    strata_differ,
    stratified_score,
)

AUC, MAE = metrics.metric("auc"), metrics.metric("mae")


def classes(score: np.ndarray) -> np.ndarray:
    """(N, 2) probabilities that order scans as the score does."""
    high = 1 / (1 + np.exp(-score))
    return np.stack([1 - high, high], axis=1)


def confounded(rng: np.random.Generator, count: int, strength: float = 3.0) -> LabelledPart:
    """A fold whose score knows the site, which has most patients, and nothing of the class inside a site."""
    y = rng.integers(0, 2, count)
    site = np.where(rng.random(count) < 0.85, y, 1 - y)
    return LabelledPart(
        y, classes(strength * site + rng.standard_normal(count)), rng.integers(10**9, size=count).astype(str), site
    )


def pairs(part: LabelledPart, same: bool) -> tuple[float, int]:
    """Ordered pairs of a patient and a healthy person of one stratum, or of any two, counted one by one."""
    won = total = 0
    for i in np.flatnonzero(part.y == 1):
        for j in np.flatnonzero(part.y == 0):
            if not same or part.strata[i] == part.strata[j] >= 0:
                first, second = part.p[i, 1], part.p[j, 1]
                won, total = won + (first > second) + 0.5 * (first == second), total + 1
    return won, total


def test_the_area_within_strata_is_the_share_of_ordered_pairs_in_a_fold_and_a_stratum():
    rng = np.random.default_rng(1)
    parts = [confounded(rng, count) for count in (30, 41)]
    parts[0].strata[:4] = -1
    counted = [pairs(part, True) for part in parts]
    expected = sum(won for won, _ in counted) / sum(total for _, total in counted)
    assert stratified_score(AUC, [parts]).score == pytest.approx(expected)
    whole = [won / total for won, total in (pairs(part, False) for part in parts)]
    assert plain_score(AUC, [parts]).score == pytest.approx(np.mean(whole))


def test_other_scores_are_means_over_the_scans_of_all_strata():
    rng = np.random.default_rng(2)
    y, p = rng.normal(size=(2, 20))
    strata = np.array([0] * 8 + [1] * 9 + [-1] * 3)
    part = LabelledPart(y, p, np.arange(20).astype(str), strata)
    found = stratified_score(MAE, [[part]])
    assert found.score == pytest.approx(np.abs(y - p)[:17].mean())
    assert found.people == 17


def test_passes_over_the_same_people_are_no_further_people():
    part = confounded(np.random.default_rng(3), 60)
    once, often = (stratified_score(AUC, [[part]] * count) for count in (1, 5))
    assert often.se == pytest.approx(once.se)
    assert often.people == once.people == 60


def test_intervals_hold_chance_within_sites_and_the_change_from_the_plain_score():
    """200 studies: the score within sites is at chance, and the plain one is not."""
    rng = np.random.default_rng(4)
    truth = plain_score(AUC, [[confounded(rng, 20_000)]]).score
    held, changes, widths = [], [], []
    for _ in range(200):
        parts = [confounded(rng, 40) for _ in range(4)]
        inside, plain = stratified_score(AUC, [parts]), plain_score(AUC, [parts])
        change = score_change(plain, inside)
        held.append(inside.low < 0.5 < inside.high)
        changes.append(change.low < 0.5 - truth < change.high)
        widths.append(change_p(change) < 0.001)
    assert 0.9 <= np.mean(held) <= 0.99
    assert 0.9 <= np.mean(changes) <= 0.99
    assert np.mean(widths) > 0.9


def test_equal_strata_differ_in_five_percent_of_studies_and_unequal_ones_are_found():
    rng = np.random.default_rng(5)
    found = {0.0: [], 2.0: []}
    for more, tests in found.items():
        for _ in range(200):
            y, site = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
            p = classes(y * (1.0 + more * site) + rng.standard_normal(200))
            part = LabelledPart(y, p, np.arange(200).astype(str), site)
            each = [
                stratified_score(AUC, [[LabelledPart(y, p, part.people, np.where(site == k, 0, -1))]]) for k in (0, 1)
            ]
            tests.append(strata_differ(each) < 0.05)
    assert np.mean(found[0.0]) < 0.1
    assert np.mean(found[2.0]) > 0.9


def test_what_no_stratum_defines_is_not_a_number():
    part = LabelledPart(np.array([0, 1]), classes(np.array([0.0, 1.0])), np.array(["a", "b"]), np.array([0, 1]))
    found = stratified_score(AUC, [[part]])
    assert math.isnan(found.score)
    assert math.isnan(change_p(score_change(plain_score(AUC, [[part]]), found)))
    assert math.isnan(strata_differ([found, found]))


def test_bands_have_about_as_many_people_each():
    labels, ends = number_bands(np.array([5.0, 1, 2, 3, np.nan, 4, 6]))
    assert labels.tolist() == [2, 0, 0, 1, -1, 1, 2]
    assert ends == [(1, 2), (3, 4), (5, 6)]
    assert number_bands(np.full(4, 7.0))[1] == [(7, 7)]


def test_strata_are_crossed_where_all_are_known():
    crossed = crossed_strata([np.array([0, 0, 1, 1, -1]), np.array([0, 1, 0, 0, 0])])
    assert crossed[2] == crossed[3] != crossed[0] != crossed[1]
    assert crossed[4] == -1


def test_matched_people_have_the_same_covariates_in_every_class():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 2, 400)
    site = np.where(rng.random(400) < 0.85, y, 1 - y)
    age = rng.normal(70 + 5 * y, 7)[:, None]
    age[:3] = np.nan
    chosen = matched_people(y, site, age)
    assert not chosen[:3].any()
    for place in (0, 1):
        assert (chosen & (site == place) & (y == 0)).sum() == (chosen & (site == place) & (y == 1)).sum() > 10
    apart = abs(age[chosen & (y == 0)].mean() - age[chosen & (y == 1)].mean())
    assert apart < 0.25 * np.nanstd(age) < abs(age[3:][y[3:] == 0].mean() - age[3:][y[3:] == 1].mean())


def test_three_classes_are_matched_in_complete_sets():
    y, site = np.array([0, 0, 0, 1, 1, 2, 0, 1]), np.array([0, 0, 0, 0, 0, 0, 1, 1])
    chosen = matched_people(y, site, np.zeros((8, 0)))
    assert np.bincount(y[chosen], minlength=3).tolist() == [1, 1, 1]
    assert not chosen[6:].any()
