"""The unit of statistics of pairs: a test over couples keeps its level, one over pairs or fixed people does not."""

from __future__ import annotations

import numpy as np
import pytest

from bench.evaluation.person_test import FoldDifference, people_test

PEOPLE, FOLDS, PARTITIONS, STUDIES, NOISE = 20, 2, 4, 200, 0.5


def study(rng: np.random.Generator):
    """Differences of two methods for the pairs of each fold: the difficulty of both people, and of the ordered pair.

    Couples, people 2k and 2k + 1, stay together, as splits keep them.
    """
    hard, odd = rng.normal(size=PEOPLE), rng.normal(0, NOISE, (PEOPLE, PEOPLE))
    for partition in range(PARTITIONS):
        order = rng.permutation(PEOPLE // 2).reshape(FOLDS, -1)
        for fold, chosen in enumerate(order):
            people = np.sort(np.concatenate([2 * chosen, 2 * chosen + 1]))
            pairs = np.array([(one, other) for one in people for other in people if one != other])
            yield partition, fold, pairs, hard[pairs].sum(axis=1) + odd[pairs[:, 0], pairs[:, 1]]


def rejected(unit, inside: bool) -> float:
    """The share of studies under the null in which the test over people finds a difference at 0.05.

    unit: what a pair counts as. inside: only the pairs of couples are tested.
    """
    found = []
    for number in range(STUDIES):
        folds = []
        for partition, fold, pairs, values in study(np.random.default_rng(number)):
            keep = pairs[:, 0] // 2 == pairs[:, 1] // 2 if inside else np.ones(len(pairs), dtype=bool)
            names = np.array([unit(*pair) for pair in pairs[keep]])
            folds.append(
                FoldDifference(partition, fold, values[keep].mean(), values[keep], np.zeros(keep.sum()), names)
            )
        found.append(people_test(folds, 1.0).p < 0.05)
    return float(np.mean(found))


def test_couples_keep_the_level():
    assert rejected(lambda one, other: f"couple {one // 2}", inside=True) <= 0.08


@pytest.mark.parametrize(
    ("unit", "inside", "least"),
    [
        (lambda one, other: f"pair {one} {other}", False, 0.2),
        (lambda one, other: f"person {one}", False, 0.15),
        (lambda one, other: f"person {one}", True, 0.1),
    ],
    ids=["every pair", "the fixed person", "the fixed person of a couple"],
)
def test_units_that_share_people_do_not(unit, inside, least):
    assert rejected(unit, inside) > least
