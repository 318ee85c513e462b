"""Folds over groups and permutations of whole groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core import BenchError, Split
from bench.data.splits import fold, permute_labels


@dataclass(frozen=True)
class Scans:
    groups: tuple[str, ...]
    strata: tuple[str, ...]
    sites: tuple[str, ...] = ()
    name: str = "some_set"


@st.composite
def scans(draw: st.DrawFn) -> Scans:
    sizes = draw(st.lists(st.integers(1, 4), min_size=10, max_size=40))
    groups = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    strata = draw(st.lists(st.sampled_from("abc"), min_size=len(groups), max_size=len(groups)))
    order = draw(st.permutations(range(len(groups))))
    return Scans(tuple(groups[i] for i in order), tuple(strata[i] for i in order))


def balanced(people: int = 60, **more: object) -> Scans:
    """One scan a person, a third of them of class 1."""
    return Scans(tuple(f"p{i:03}" for i in range(people)), tuple(str(int(i % 3 == 0)) for i in range(people)), **more)


def folds_of(data: Scans, split: Split, partition: int = 0) -> list:
    return [fold(data, split, partition, number) for number in range(split.folds)]


@settings(deadline=None, max_examples=50)
@given(scans(), st.integers(2, 5), st.integers(0, 3))
def test_no_split_divides_a_group_and_every_scan_is_tested_once(data: Scans, folds: int, partition: int) -> None:
    groups = np.array(data.groups)
    tested: Counter = Counter()
    for part in folds_of(data, Split(folds=folds), partition):
        rows = [part.train, part.val, part.test]
        assert sorted(np.concatenate(rows)) == list(range(len(groups)))
        assert all(len(each) and (np.diff(each) > 0).all() for each in rows)
        names = [set(groups[each]) for each in rows]
        assert sum(map(len, names)) == len(set().union(*names))
        tested.update(part.test.tolist())
    assert tested == Counter(range(len(groups)))


@settings(deadline=None, max_examples=50)
@given(scans(), st.randoms())
def test_the_order_of_the_scans_does_not_change_the_folds(data: Scans, random) -> None:
    order = list(range(len(data.groups)))
    random.shuffle(order)
    other = Scans(tuple(data.groups[i] for i in order), tuple(data.strata[i] for i in order))
    for one, two in zip(folds_of(data, Split(folds=3)), folds_of(other, Split(folds=3)), strict=True):
        assert {data.groups[i] for i in one.train} == {other.groups[i] for i in two.train}
        assert {data.groups[i] for i in one.test} == {other.groups[i] for i in two.test}


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_classes_are_spread_to_within_one_scan(folds: int) -> None:
    data = balanced(61)
    strata = np.array(data.strata)
    for part in ("test", "val"):
        counts = [Counter(strata[getattr(each, part)]) for each in folds_of(data, Split(folds=folds))]
        for label in "01":
            assert max(c[label] for c in counts) - min(c[label] for c in counts) <= 1


def test_strata_are_spread_as_well_as_by_scikit_learn() -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(3)
    groups = np.repeat([f"p{i}" for i in range(80)], rng.integers(1, 4, 80))
    strata = rng.choice(list("aab"), len(groups))
    ours = [each.test for each in folds_of(Scans(tuple(groups), tuple(strata)), Split(folds=5))]
    theirs = [test for _, test in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(strata, strata, groups)]
    spread = [max(np.std([(strata[t] == label).sum() for t in tests]) for label in "ab") for tests in (ours, theirs)]
    assert spread[0] <= spread[1] + 0.5


def test_folds_are_the_same_every_time_and_partitions_differ() -> None:
    data = balanced()
    first, again, other = (folds_of(data, Split(), partition) for partition in (0, 0, 1))
    assert all((a.test == b.test).all() and (a.val == b.val).all() for a, b in zip(first, again, strict=True))
    assert {tuple(a.test) for a in first}.isdisjoint(tuple(b.test) for b in other)


def test_the_folds_of_protocol_1_do_not_move() -> None:
    part = fold(balanced(20), Split(folds=4), 0, 0)
    assert part.test.tolist() == [0, 1, 7, 9, 17]
    assert part.val.tolist() == [4, 16, 18]


def test_the_validation_part_of_a_small_set_holds_every_class() -> None:
    data = Scans(tuple(f"p{i}" for i in range(12)), tuple("ab" * 6))
    for part in folds_of(data, Split(folds=2)):
        assert {data.strata[i] for i in part.val} == {"a", "b"}


def test_a_smaller_fraction_of_the_training_groups_is_part_of_a_larger_and_keeps_the_classes() -> None:
    data = balanced(120)
    strata = np.array(data.strata)
    parts = [fold(data, Split(fraction=fraction), 0, 0) for fraction in (0.25, 0.5, 1.0)]
    assert set(parts[0].train) < set(parts[1].train) < set(parts[2].train)
    assert all((part.test == parts[2].test).all() and (part.val == parts[2].val).all() for part in parts)
    assert (strata[parts[1].train] == "1").mean() == pytest.approx(1 / 3, abs=0.02)


def test_a_split_by_site_tests_one_site_a_fold() -> None:
    data = balanced(30, sites=tuple("xyz"[i % 3] for i in range(30)))
    for site, part in zip("xyz", folds_of(data, Split("site", 3)), strict=True):
        assert {data.sites[i] for i in part.test} == {site}
        assert site not in {data.sites[i] for i in (*part.train, *part.val)}


@pytest.mark.parametrize(
    ("data", "split", "number", "says"),
    [
        (balanced(3), Split(folds=5), 0, "3 groups cannot be divided into 5 folds"),
        (balanced(), Split(folds=5), 5, "no fold 5"),
        (balanced(), Split(fraction=0.0), 0, "fraction"),
        (balanced(), Split("sites"), 0, "kfold, site"),
        (balanced(4, sites=("x",) * 4), Split("site", 2), 0, "has 1 sites"),
        (
            Scans(("p", "p", "q", "r"), ("a",) * 4, ("x", "y", "x", "y")),
            Split("site", 2),
            0,
            "p was scanned at x and y",
        ),
        (
            balanced(2),
            Split(folds=2),
            0,
            "some_set has 1 groups outside a test part: too few for training and validation",
        ),
    ],
)
def test_an_impossible_split_says_why(data: Scans, split: Split, number: int, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        fold(data, split, 0, number)


@settings(deadline=None, max_examples=50)
@given(scans(), st.integers(0, 50))
def test_permuting_moves_the_labels_of_whole_groups(data: Scans, number: int) -> None:
    targets = np.arange(len(data.groups), dtype=float)  # every label distinct: a label tells where it came from
    result = permute_labels(targets, data.groups, number)
    groups = np.array(data.groups)
    donors = {}
    for group in set(data.groups):
        received = result[groups == group].astype(int)
        (donors[group],) = set(groups[received])
        own = np.flatnonzero(groups == donors[group])  # the rows of the donor in order, from the first again at the end
        assert received.tolist() == np.resize(own, len(received)).tolist()
    assert sorted(donors.values()) == sorted(donors)  # every group gives its labels once


def test_a_group_of_a_size_of_its_own_does_not_keep_its_labels() -> None:
    groups = ["large"] * 7 + [f"p{number}" for number in range(20)]
    targets = np.array([1.0] * 7 + [0.0] * 20)
    kept = sum(permute_labels(targets, groups, number)[0] == 1 for number in range(40))
    assert kept < 10


def test_the_number_selects_the_permutation() -> None:
    groups = [f"p{i}" for i in range(40)]
    targets = np.arange(40.0)
    results = [tuple(permute_labels(targets, groups, number)) for number in (*range(20), 0)]
    assert len(set(results)) == 20
    assert results[0] == results[-1] != tuple(targets)


def test_permutations_are_even() -> None:
    groups = ["p", "q", "r"]
    counts = Counter(tuple(permute_labels(np.arange(3.0), groups, number)) for number in range(600))
    assert len(counts) == 6
    assert min(counts.values()) > 60


def test_labels_are_flipped_by_whole_groups_of_the_training_part_alone():
    from bench.data.splits import flip_labels

    rng = np.random.default_rng(0)
    groups = [f"g{number}" for number in rng.integers(0, 60, 200)]
    targets = np.array([int(group[1:]) % 3 for group in groups])
    rows = [row for row, group in enumerate(groups) if int(group[1:]) < 50]
    before = set()
    for share in (0.0, 0.1, 0.4, 0.8):
        found = flip_labels(targets, groups, rows, 3, share, "place")
        changed = {groups[row] for row in np.flatnonzero(found != targets)}
        assert len(changed) == round(share * len({groups[row] for row in rows}))
        assert all(int(group[1:]) < 50 for group in changed)
        assert before <= changed  # a smaller share lies within every larger one
        assert set(found.tolist()) <= {0, 1, 2}
        assert all(len({found[row] for row in rows if groups[row] == group}) == 1 for group in changed)
        before = changed
    assert not np.array_equal(found, flip_labels(targets, groups, rows, 3, 0.8, "elsewhere"))
