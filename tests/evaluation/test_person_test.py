"""The test over people, against loops over pairs and people."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from people_oracle import area_test
from scipy import stats

from bench.evaluation import FoldDifference, contributions, fold_correlation, people_test
from bench.evaluation.bootstrap import inflation
from bench.evaluation.metrics import METRICS


def areas(seed, partitions=1, folds=4, people=60, twice=0.0, mixed=False):
    """Two arms over folds: (classes, scores, people) of each; a share of people has a second scan.

    mixed: the second scan is of the other class.
    """
    rng = np.random.default_rng(seed)
    ours, theirs = [], []
    for _ in range(partitions):
        order = rng.permutation(people)
        for fold in range(folds):
            who = order[fold::folds]
            again = who[who < twice * people]
            y = np.concatenate([who % 2, (again + mixed) % 2])
            names = np.concatenate([who, again]).astype(str)
            own = rng.normal(size=people)[names.astype(int)]
            for arm, skill in ((ours, 1.1), (theirs, 0.7)):
                arm.append((y, skill * y + own + rng.normal(size=len(y)), names))
    return ours, theirs


def area_folds(ours, theirs, folds):
    found = []
    for at, ((y, a, who), (_, b, _)) in enumerate(zip(ours, theirs, strict=True)):
        first, second = (contributions(METRICS["auc"], y, np.column_stack([-s, s])) for s in (a, b))
        values = first.values - second.values
        gap = values[first.strata == 1].mean()
        found.append(FoldDifference(at // folds, at % folds, gap, values, first.strata, who))
    return found


CASES = {
    "one partition": {},
    "people in three partitions": {"partitions": 3},
    "two scans of some people": {"twice": 0.5, "partitions": 2},
    "people in both classes": {"twice": 0.6, "mixed": True, "partitions": 2},
    "two folds": {"folds": 2},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_areas_are_tested_as_loops_over_pairs_and_people_do(seed, case):
    folds = case.get("folds", 4)
    ours, theirs = areas(seed, **case)
    found = people_test(area_folds(ours, theirs, folds), inflation(folds, fold_correlation(folds, 40, 15)))
    expected = area_test(ours, theirs, 40, 15, folds)
    assert (found.mean, found.se) == pytest.approx((expected.mean, expected.se))
    assert (found.df, found.p) == pytest.approx((expected.df, expected.p))
    assert found.people == 60
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, expected.df) * expected.se)


def losses(rng, partitions=2, folds=3, people=30, spread=0.5):
    """Differences of losses; some people have two scans, which lie in the same fold."""
    found = []
    for partition in range(partitions):
        order = rng.permutation(people)
        for fold in range(folds):
            who = np.concatenate([order[fold::folds], [p for p in order[fold::folds] if p < people // 3]])
            values = rng.normal(0.3, 1, len(who)) + 0.1 * who / people + spread * rng.normal()
            found.append(FoldDifference(partition, fold, values.mean(), values, np.zeros(len(who), int), who))
    return found


def person_sums(folds, centre):
    sums = defaultdict(float)
    for fold in folds:
        for value, person in zip(fold.values, fold.people, strict=True):
            sums[person] += (value - centre) / len(fold.values) / len(folds)
    return np.array(list(sums.values()))


def over_persons(folds):
    """The variance of the mean over the people of some folds: a sum of squares over people."""
    pulls = person_sums(folds, np.mean([fold.values.mean() for fold in folds]))
    return len(pulls) / (len(pulls) - 1) * (pulls**2).sum()


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_losses_are_tested_as_a_plain_loop_does(spread):
    folds = losses(np.random.default_rng(3), spread=spread)
    more = 2 / 3  # a second partition, in pairs of people in different folds of three
    people, df_people = (1 + 0.8 * (1 + more) / (1 + more * 0.8)) * over_persons(folds), 29
    within = np.mean([np.var([f.difference for f in folds if f.partition == each], ddof=1) for each in (0, 1)])
    training, df_training = max(0, within - np.mean([over_persons([f]) for f in folds])) / 6, 4
    variance = people + training
    df = variance**2 / (people**2 / df_people + training**2 / df_training)
    mean = np.mean([fold.difference for fold in folds])
    found = people_test(folds, 1.8)
    assert (found.mean, found.se, found.df) == pytest.approx((mean, math.sqrt(variance), df))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean) / math.sqrt(variance), df))
    assert (found.se_people**2, found.se_training**2) == pytest.approx((people, training))
    assert (training > 0) == (spread > 0)


def test_models_that_are_tested_on_the_same_people_have_the_training_variance_of_nadeau_and_bengio():
    rng = np.random.default_rng(4)
    people = np.arange(25)
    own = rng.normal(size=25)
    folds = []
    for fold in range(5):
        values = 0.4 + own + rng.normal(size=25) + 0.3 * rng.normal()
        folds.append(FoldDifference(0, fold, values.mean(), values, np.zeros(25, int), people))
    found = people_test(folds, 1.0, same_people=True, train_to_test=0.25)
    means = [fold.values.mean() for fold in folds]
    averages = np.mean([fold.values for fold in folds], 0)
    by_people, training = averages.var(ddof=1) / 25, np.var(means, ddof=1) * (1 / 5 + 0.25)
    variance = by_people + training
    assert (found.se_people**2, found.se_training**2) == pytest.approx((by_people, training))
    assert found.df == pytest.approx(variance**2 / (by_people**2 / 24 + training**2 / 4))
    assert found.p == pytest.approx(2 * stats.t.sf(np.mean(means) / math.sqrt(variance), found.df))


def test_the_order_of_folds_and_the_side_of_the_difference_do_not_matter():
    folds = area_folds(*areas(5, partitions=2), 4)
    turned = [
        FoldDifference(f.partition, f.fold, -f.difference, -f.values, f.strata, f.people) for f in reversed(folds)
    ]
    one, other = people_test(folds, 1.8), people_test(turned, 1.8)
    assert (other.mean, other.se, other.p) == pytest.approx((-one.mean, one.se, one.p))
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))


def test_one_fold_cannot_be_tested_as_the_variance_of_training_is_unknown():
    found = people_test(losses(np.random.default_rng(6))[:1], 1.0)
    assert found.reason == "with one fold the variance of training is unknown"
    assert math.isnan(found.p)
    assert math.isnan(found.low)
    assert math.isnan(found.detectable())


def test_without_folds_or_with_two_people_nothing_is_tested():
    assert people_test([], 1.0).reason == "no fold has both arms"
    pair = [FoldDifference(0, f, 0.1 * f, np.array([0.1 * f, 0.2]), np.zeros(2, int), np.arange(2)) for f in (0, 1)]
    assert people_test(pair, 1.0).reason == "2 people; at least 3 are needed"


def constant(size):
    return [
        FoldDifference(0, f, size, np.full(5, size), np.zeros(5, int), np.arange(5 * f, 5 * f + 5)) for f in range(3)
    ]


def test_a_difference_that_is_the_same_for_everybody_has_an_unknown_error():
    found = people_test(constant(0.25), 1.8)
    assert (found.mean, found.se) == (0.25, 0)
    assert math.isnan(found.p)
    assert "the same for every person" in found.reason


def test_two_identical_arms_do_not_differ():
    found = people_test(constant(0.0), 1.8)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert found.detectable(3) == 0


@pytest.mark.parametrize("failing", [False, True])
def test_true_nulls_are_rejected_in_about_five_percent(failing):
    """Twins of fixed people, 5 folds; a fold's training may fail and then shifts the values of all its people."""
    rng, rejected = np.random.default_rng(7), []
    for _ in range(800):
        folds = []
        for fold in range(5):
            shift = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1]) if failing else 0.0
            values = rng.normal(size=20) + shift
            folds.append(FoldDifference(0, fold, values.mean(), values, np.zeros(20, int), np.arange(20) + 20 * fold))
        rejected.append(people_test(folds, 1.0).p < 0.05)
    assert np.mean(rejected) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 800)
