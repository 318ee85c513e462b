"""Pairs of scans: couples of people that no split divides, and samples that are ordered pairs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.core import BenchError, Split
from bench.data import splits
from bench.data.loader import Normaliser
from bench.data.scan_pairs import PairPart, couples, pairs_of

PEOPLE = [f"p{at:02d}" for at in range(11)]
SITES = ["a"] * 5 + ["b"] * 6


def members(people, sites):
    found = {}
    for name, couple in zip(people, couples(people, people, sites), strict=True):
        found.setdefault(couple, set()).add(name)
    return list(found.values())


def test_people_are_divided_into_couples_inside_their_site_and_an_odd_one_is_the_third():
    divided = members(PEOPLE, SITES)
    assert sorted(len(each) for each in divided) == [2, 2, 2, 2, 3]
    for each in divided:
        assert len({SITES[PEOPLE.index(name)] for name in each}) == 1


def test_the_only_people_of_their_sites_are_coupled_with_each_other():
    assert sorted(map(len, members(["p", "q", "r", "s"], ["a", "a", "b", "c"]))) == [2, 2]
    assert sorted(map(len, members(["p", "q", "r"], ["a", "a", "b"]))) == [3]


def test_couples_depend_on_names_alone():
    order = [5, 2, 8, 0, 1, 9, 3, 10, 4, 7, 6]
    again = couples([PEOPLE[at] for at in order], [PEOPLE[at] for at in order], [SITES[at] for at in order])
    first = couples(PEOPLE, PEOPLE, SITES)
    assert [first[at] for at in order] == list(again)


def test_one_person_cannot_be_aligned():
    with pytest.raises(BenchError, match=r"one person.*add people"):
        couples(["p", "p"], ["p", "p"], ["", ""])
    with pytest.raises(BenchError, match="no two people"):
        pairs_of(np.array([0, 1]), ["p", "p"])


def test_pairs_are_ordered_of_different_people_and_inside_couples_where_they_are_tested():
    people, couple = ["p", "p", "q", "r"], ["pq", "pq", "pq", "r"]
    assert pairs_of(np.arange(4), people).tolist() == [
        [0, 2], [0, 3], [1, 2], [1, 3], [2, 0], [2, 1], [2, 3], [3, 0], [3, 1], [3, 2],
    ]  # fmt: skip
    assert pairs_of(np.arange(4), people, couple).tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]


def test_no_person_is_in_two_parts_and_every_couple_is_tested_once():
    made = couples(PEOPLE, PEOPLE, SITES)
    prepared = SimpleNamespace(name="x", groups=made, strata=["s"] * 11, sites=SITES)
    tested = []
    for number in range(5):
        fold = splits.fold(prepared, Split(folds=5), 0, number)
        parts = [set(pairs_of(rows, PEOPLE, made).ravel().tolist()) for rows in (fold.val, fold.test)]
        parts.append(set(pairs_of(fold.train, PEOPLE).ravel().tolist()))
        assert sum(map(len, parts)) == len(set().union(*parts)) == 11
        tested += sorted(parts[1])
    assert sorted(tested) == list(range(11))


def test_a_sample_has_the_fixed_scan_first_with_its_labels_beside_it():
    array = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1, 1) * np.ones((1, 1, 2, 3, 4), np.float32)
    masks = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 2, 3, 4), np.uint8)
    pairs = np.array([[2, 0], [0, 1]])
    part = PairPart(array, pairs, masks, Normaliser((1.0,), (2.0,)), "cpu", lambda f, m: np.full((3, 2, 3, 4), f - m))
    x, y = part.take(np.array([0, 1]))
    assert x.shape == y.shape == (2, 2, 2, 3, 4)
    assert x[:, :, 0, 0, 0].tolist() == [[0.5, -0.5], [-0.5, 0.0]]
    assert (y.dtype, y[:, :, 0, 0, 0].tolist()) == (torch.int64, [[2, 0], [0, 1]])
    assert np.asarray(part.y)[:, :, 0, 0, 0].tolist() == [[2, 0, 2, 2, 2], [0, 1, -1, -1, -1]]
    assert [len(x) for _, x, _ in part.batches(1)] == [1, 1]
    assert part.evenly(1).y.shape == (1, 5, 2, 3, 4)
