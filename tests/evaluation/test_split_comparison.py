"""The test of one split against another, against loops over people, and its levels by simulation with refitting."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from people_oracle import placements
from scipy import stats
from simulated_splits import NULL, SplitWorld, drawn, run
from simulated_studies import World

from bench.evaluation import FoldDifference, SplitScores, contributions, power, split_test
from bench.evaluation.metrics import METRICS


def area(rng, number, fold, people, skill, shift=0.0):
    """A fold of one arm: classes, scores of class 1, people; its score and contributions by the product."""
    y = people % 2
    logit = skill * y + rng.normal(size=len(y)) + shift * rng.normal() * y
    made = contributions(METRICS["auc"], y, np.column_stack([-logit, logit]))
    return FoldDifference(number, fold, made.values[y == 1].mean(), made.values, made.strata, people), (
        y,
        logit,
        people,
    )


def two_splits(seed, partitions=7, folds=3, people=60, shift=1.0):
    """A publisher's split that tests every fifth person, and folds over all."""
    rng = np.random.default_rng(seed)
    first = [area(rng, 0, 0, np.arange(0, people, 5), 1.0)]
    second = []
    for partition in range(partitions):
        order = rng.permutation(people)
        second += [area(rng, partition, fold, np.sort(order[fold::folds]), 1.0, shift) for fold in range(folds)]
    return first, second


def pulls(raw):
    """By class, what each person adds to the mean over folds: a loop over pairs."""
    values = [placements(y, logit) for y, logit, _ in raw]
    found = {}
    for label in (0, 1):
        centre = np.mean([v[y == label].mean() for v, (y, _, _) in zip(values, raw, strict=True)])
        found[label] = defaultdict(float)
        for v, (y, _, people) in zip(values, raw, strict=True):
            for value, own, name in zip(v, y, people, strict=True):
                if own == label:
                    found[label][int(name)] += (value - centre) / (y == label).sum() / len(raw)
    return found


def worked(first, second, sharing):
    """Mean, standard error, degrees of freedom."""
    raws = [[raw for _, raw in side] for side in (first, second)]
    means = [np.mean([fold.difference for fold, _ in side]) for side in (first, second)]
    each, parts = [pulls(raw) for raw in raws], []
    for factor, found in zip(sharing, each, strict=True):
        parts += [(factor * _variance(own), len(own) - 1) for own in found.values()]
    total = [{**found[0], **found[1]} for found in each]
    both = set(total[0]) & set(total[1])
    common = sum(total[0][name] * total[1][name] for name in both) * len(both) / (len(both) - 1)
    whole = sum(v for v, _ in parts)
    people = whole - 2 * common * (1 if common > 0 else math.sqrt(sharing[0] * sharing[1]))
    df_people = whole**2 / sum(v**2 / d for v, d in parts)
    passes = [[f.difference for f, _ in second if f.partition == each] for each in {f.partition for f, _ in second}]
    spread = [np.var(scores, ddof=1) for scores in passes]
    inside = [sum(_variance(own) for own in pulls([raw]).values()) for raw in raws[1]]
    one = max(0.0, np.mean(spread) - np.mean(inside))
    training = one * (1 + 1 / len(second))
    df = (len(second) - len(spread)) / 4
    variance = people + training
    return means[0] - means[1], math.sqrt(variance), variance**2 / (people**2 / df_people + training**2 / df)


def _variance(own):
    return len(own) / (len(own) - 1) * sum(v**2 for v in own.values())


@pytest.mark.parametrize("seed", range(4))
def test_a_publishers_split_is_tested_against_folds_as_loops_over_people_do(seed):
    first, second = two_splits(seed)
    found = split_test(SplitScores([f for f, _ in first], 1.25), SplitScores([f for f, _ in second], 1.7))
    mean, se, df = worked(first, second, (1.25, 1.7))
    assert (found.mean, found.se, found.df) == pytest.approx((mean, se, df))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean) / se, df))
    assert (found.people, found.shared, found.training_from) == (60, 12, "borrowed from the other split")
    assert found.se_training > 0


def test_people_under_both_splits_are_pairs():
    """Where a person scores the same under both splits, what people differ in cancels."""
    rng = np.random.default_rng(0)
    own, noise = rng.normal(size=40), 0.1
    sides = []
    for _ in range(2):
        order = rng.permutation(40)
        folds = [own[order[k::4]] + noise * rng.normal(size=10) for k in range(4)]
        sides.append([FoldDifference(0, k, v.mean(), v, np.zeros(10, int), order[k::4]) for k, v in enumerate(folds)])
    apart = [replace(fold, people=fold.people + 100) for fold in sides[1]]
    together = split_test(SplitScores(sides[0], 1.0), SplitScores(sides[1], 1.0))
    strangers = split_test(SplitScores(sides[0], 1.0), SplitScores(apart, 1.0))
    assert (together.shared, strangers.shared) == (40, 0)
    assert strangers.se_people == pytest.approx(math.sqrt(2) * own.std() / math.sqrt(40), rel=0.2)
    assert together.se_people < 0.2 * strangers.se_people


def losses(rng, places, size=30, spread=0.0):
    """Folds of losses of one arm; every fold has people of its own."""
    folds = []
    for at, place in enumerate(places):
        values = rng.normal(size=size) + spread * rng.normal()
        folds.append(FoldDifference(*place, values.mean(), values, np.zeros(size, int), np.arange(size) + size * at))
    return folds


def test_the_variance_of_training_of_a_single_fold_is_that_of_its_seeds_and_of_the_other_split():
    rng = np.random.default_rng(1)
    many = SplitScores(losses(rng, [(0, k) for k in range(5)], spread=2.0), 1.8, seeds=3)
    one, scores = losses(rng, [(0, 0)]), [0.1, 0.9, 0.4]
    found = split_test(SplitScores(one, 1.25, 3, scores), many)
    spread = np.var([fold.difference for fold in many.folds], ddof=1)
    inside = np.mean([fold.values.var(ddof=1) / 30 for fold in many.folds])
    by_folds, by_seeds = 3 * (spread - inside), np.var(scores, ddof=1)
    together = (4 * by_folds + 2 * by_seeds) / 6
    assert found.se_training**2 == pytest.approx(by_folds / 15 + together / 3)
    assert found.training_from == "borrowed, and its seeds"


def test_two_splits_with_several_folds_have_variances_of_training_of_their_own():
    rng = np.random.default_rng(2)
    sides = [losses(rng, [(0, k) for k in range(count)], spread=2.0) for count in (4, 6)]
    found = split_test(*(SplitScores(side, 1.8) for side in sides))
    expected = 0.0
    for side in sides:
        inside = np.mean([fold.values.var(ddof=1) / 30 for fold in side])
        expected += (np.var([fold.difference for fold in side], ddof=1) - inside) / len(side)
    assert found.se_training**2 == pytest.approx(expected)
    assert found.training_from == "the folds of each split"


def test_two_trainings_alone_are_not_tested():
    rng = np.random.default_rng(3)
    found = split_test(*(SplitScores(losses(rng, [(0, 0)]), 1.25) for _ in range(2)))
    assert math.isnan(found.p)
    assert found.reason.startswith("each split has one training")


def test_a_single_training_is_not_compared_with_fewer_than_twenty():
    """It fails where none of J others does with a probability of up to 1 / (e (J + 1)): 7 % beside five of them."""
    rng = np.random.default_rng(3)
    one = SplitScores(losses(rng, [(0, 0)]), 1.25)
    few, enough = (SplitScores(losses(rng, [(0, k) for k in range(count)]), 1.8) for count in (19, 20))
    assert split_test(one, few).reason.startswith("one training under a split, and fewer than 20 under the other")
    assert math.isnan(split_test(few, one).p)
    assert 0 <= split_test(one, enough).p <= 1


def test_two_people_under_a_split_are_not_tested():
    rng = np.random.default_rng(4)
    few = losses(rng, [(0, 0)], size=2)
    found = split_test(SplitScores(few, 1.25), SplitScores(losses(rng, [(0, k) for k in range(20)]), 1.8))
    assert math.isnan(found.p)
    assert found.reason == "2 people under a split; at least 3 are needed"


def test_the_order_of_the_splits_turns_the_sign_alone():
    first, second = two_splits(5)
    sides = SplitScores([f for f, _ in first], 1.25), SplitScores([f for f, _ in second], 1.7)
    one, other = split_test(*sides), split_test(*sides[::-1])
    assert (other.mean, other.se, other.p) == pytest.approx((-one.mean, one.se, one.p))


def test_a_leak_is_found_and_no_leak_is_not():
    """400 people, a publisher's test part of which everybody or nobody is learnt from; seven of ten leaks are found."""
    rng = np.random.default_rng(6)
    found = {leak: [] for leak in (0.0, 1.0)}
    for leak, p in found.items():
        made = SplitWorld("", World("", people=400, partitions=4, strength=0.05), leak=leak)
        p += [split_test(*drawn(made, rng)) for _ in range(12)]
    assert sum(each.p < 0.05 for each in found[0.0]) <= 3
    assert sum(each.p < 0.05 and each.mean > 0 for each in found[1.0]) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("made", NULL, ids=lambda made: made.name)
def test_equal_splits_are_rejected_in_at_most_five_percent(made):
    assert run(made, 400)["rejected"] <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


@pytest.mark.slow
def test_a_leak_is_found_as_often_as_its_standard_error_promises():
    rng, made = np.random.default_rng(8), SplitWorld("", World("", people=400, strength=0.05, noise=0.5), leak=1.0)
    found = [split_test(*drawn(made, rng)) for _ in range(400)]
    effect, se = np.mean([each.mean for each in found]), math.sqrt(np.mean([each.se**2 for each in found]))
    promised = power(effect, se, np.median([each.df for each in found]))
    assert promised > 0.5
    assert np.mean([each.p < 0.05 for each in found]) >= promised - 0.07
