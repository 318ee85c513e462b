"""What each scan contributes to a score: against the score, and against scores without one scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.evaluation import contributions
from bench.evaluation.metrics import METRICS

KINDS = {kind: [one for one in METRICS.values() if one.kind == kind] for kind in ("classification", "regression")}
MANY = [(one, classes) for one in KINDS["classification"] for classes in ({2, 3} if one.classes is None else {2})]


SEEDS = range(1500)


def named(cases):
    return [f"{one.name}, {classes} classes" for one, classes in cases]


def classified(classes, number=240, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, number)
    raw = np.exp(rng.normal(size=(number, classes)) + 1.2 * np.eye(classes)[y])
    return y, raw / raw.sum(1, keepdims=True)


def measured(number=240, seed=1):
    rng = np.random.default_rng(seed)
    y = rng.normal(60, 9, number)
    return y, 0.7 * y + rng.normal(20, 5, number)


def variance(values, strata):
    """The variance of the sum of the means of the strata, over independent scans."""
    return sum(values[strata == one].var(ddof=1) / (strata == one).sum() for one in np.unique(strata))


def jackknife(metric, y, p):
    """The variance of the score by leaving out each scan in turn."""
    n = len(y)
    rest = np.array([metric(np.delete(y, i, 0), np.delete(p, i, 0)) for i in range(n)])
    return (n - 1) / n * ((rest - rest.mean()) ** 2).sum()


@pytest.mark.parametrize(("metric", "classes"), MANY, ids=named(MANY))
def test_contributions_to_a_score_of_classes(metric, classes):
    y, p = classified(classes)
    found = contributions(metric, y, p)
    for one in np.unique(found.strata):
        assert found.values[found.strata == one].mean() == pytest.approx(metric(y, p), abs=1e-6)
    assert variance(found.values, found.strata) == pytest.approx(jackknife(metric, y, p), rel=0.05)


@pytest.mark.parametrize("metric", KINDS["regression"], ids=[one.name for one in KINDS["regression"]])
def test_contributions_to_a_score_of_numbers(metric):
    y, p = measured()
    found = contributions(metric, y, p)
    assert set(found.strata) == {0}
    assert found.values.mean() == pytest.approx(metric(y, p), abs=1e-6)
    assert variance(found.values, found.strata) == pytest.approx(jackknife(metric, y, p), rel=0.03)


SMALL = ("balanced_accuracy", "f1", "sensitivity", "mcc", "correlation", "r2", "rmse")


@pytest.mark.parametrize("name", SMALL)
def test_their_variance_is_not_below_that_of_scores_of_small_parts(name):
    """Parts of 16 scans: a variance that is too small rejects too many true nulls."""
    draws = [
        (classified(2, 16, seed) if METRICS[name].kind == "classification" else measured(16, seed)) for seed in SEEDS
    ]
    scores = [METRICS[name](y, p) for y, p in draws]
    defined = [draw for draw, score in zip(draws, scores, strict=True) if np.isfinite(score)]
    found = [contributions(METRICS[name], y, p) for y, p in defined]
    ratio = np.mean([variance(each.values, each.strata) for each in found]) / np.nanvar(scores)
    assert 0.97 <= ratio <= 1.4


@pytest.mark.parametrize("name", ["balanced_accuracy", "correlation"])
def test_people_with_several_scans_are_left_out_with_all_of_them(name):
    """The sum over people of squared sums over their scans is the variance by leaving out each person in turn."""
    y, p = classified(2, 40) if METRICS[name].kind == "classification" else measured(40)
    people = np.arange(40) % 13
    values = contributions(METRICS[name], y, p, people).values
    score = METRICS[name](y, p)
    rest = [METRICS[name](y[people != one], p[people != one]) for one in range(13)]
    sums = np.bincount(people, (values - score) / 40)
    assert values.mean() == pytest.approx(score)
    assert 13 / 12 * (sums**2).sum() == pytest.approx(12 / 13 * ((np.array(rest) - score) ** 2).sum(), rel=0.1)


def test_a_class_with_one_scan_has_contributions_all_the_same():
    y, p = np.array([0, 0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.3, 0.7]])
    found = contributions(METRICS["balanced_accuracy"], y, p)
    assert np.isfinite(found.values).all()
    assert found.values.mean() == pytest.approx(METRICS["balanced_accuracy"](y, p))


def test_those_to_an_area_are_shares_of_pairs_that_are_ordered_rightly():
    y, score = np.array([0, 0, 1, 1, 1]), np.array([0.2, 0.5, 0.5, 0.9, 0.1])
    found = contributions(METRICS["auc"], y, np.column_stack([1 - score, score]))
    assert list(found.strata) == [0, 0, 1, 1, 1]
    assert list(found.values) == pytest.approx([2 / 3, 1.5 / 3, 1.5 / 2, 1, 0])


def test_those_to_dice_are_the_scores_of_the_scans():
    truth, called = np.zeros((2, 4, 4), dtype=int), np.zeros((2, 4, 4), dtype=int)
    truth[:, :2], called[0, :2], called[1, 1:3] = 1, 1, 1
    assert list(contributions(METRICS["dice"], truth, called).values) == pytest.approx([1, 0.5])


def test_those_to_a_mean_of_saved_scores_are_these_scores():
    saved = replace(METRICS["dice"], kind="regression", each=lambda y, p, spacing: p)
    assert list(contributions(saved, np.zeros(3), np.array([0.2, 0.9, 0.4])).values) == [0.2, 0.9, 0.4]


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "average_precision"])
def test_a_part_without_a_score_has_no_contributions(name):
    _, p = classified(2, 6)
    assert np.isnan(contributions(METRICS[name], np.zeros(6, dtype=int), p).values).all()
