"""Every part of a fold has every class where the groups allow it; otherwise the fold is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core import BenchError, Split, Task
from bench.data.splits import Fold, fold

TWO = Task("classification", "auc", ("well", "ill"))


@dataclass(frozen=True)
class People:
    """One scan a person unless groups are given."""

    targets: np.ndarray
    strata: tuple[str, ...]
    groups: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    name: str = "some_set"
    task: Task = TWO


def people(*counts: int, strata: str = "", **more: object) -> People:
    """counts: people of each class. strata: `x` for one stratum; by default the class."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    task = Task("classification", "balanced_accuracy", tuple("abcdef"[: len(counts)]))
    made = {"groups": tuple(f"p{at}" for at in range(len(labels))), "task": task}
    strata_of = tuple(strata or f"class {label}" for label in labels)
    return People(np.array(labels, float), strata_of, **{**made, **more})


def parts(data: People, each: Fold) -> list[set[float]]:
    return [set(data.targets[rows].tolist()) for rows in (each.train, each.val, each.test)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(4, 9), min_size=2, max_size=4),
    st.integers(2, 4),
    st.integers(0, 9),
    st.sampled_from(["", "x"]),
)
def test_every_part_has_every_class_where_each_class_has_as_many_people_as_folds(counts, folds, partition, strata):
    data = people(*counts, strata=strata)
    tested: list[int] = []
    for number in range(folds):
        each = fold(data, Split(folds=folds), partition, number)
        assert parts(data, each) == [set(range(len(counts)))] * 3
        assert sorted([*each.train, *each.val, *each.test]) == list(range(len(data.groups)))
        tested += each.test.tolist()
    assert sorted(tested) == list(range(len(data.groups)))


@pytest.mark.parametrize(("counts", "folds"), [((40, 3), 3), ((40, 4), 2), ((3, 3, 3), 3), ((5, 60), 5)])
def test_few_people_of_a_class_are_in_every_part(counts, folds):
    data = people(*counts, strata="x")
    for number in range(folds):
        assert parts(data, fold(data, Split(folds=folds), 0, number)) == [set(range(len(counts)))] * 3


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ((4, 2), "which has 2 groups; add people of that class"),
        ((9, 3), "which has 3 groups; ask for 3 folds, or add people of that class"),
    ],
)
def test_a_fold_that_must_lack_a_class_is_refused_with_the_class_and_a_remedy(counts, says):
    data, wrong = people(*counts), []
    for number in range(2):
        try:
            fold(data, Split(folds=2), 0, number)
        except BenchError as error:
            wrong.append(str(error))
    assert wrong
    assert all("part of fold" in text and "no scan of the class 'b'" in text and says in text for text in wrong)


def test_folds_that_have_every_class_are_not_drawn_again():
    labelled = people(30, 12)
    plain = replace(labelled, task=Task("segmentation", "dice", ("background", "artery")))
    for number in range(5):
        one, two = (fold(data, Split(), 0, number) for data in (labelled, plain))
        assert all((a == b).all() for a, b in zip(vars(one).values(), vars(two).values(), strict=True))


def test_a_small_fraction_of_the_training_groups_keeps_every_class_or_is_refused():
    for number in range(4):
        data = people(20, 4, strata="")
        assert parts(data, fold(data, Split(folds=4, fraction=0.1), 0, number))[0] == {0.0, 1.0}


def test_a_site_that_holds_a_whole_class_leaves_none_for_training():
    data = people(8, 4, sites=("x",) * 4 + ("y",) * 4 + ("z",) * 4)
    with pytest.raises(
        BenchError, match=r"the training part of fold 3 of some_set has no scan of the class 'b'.*kfold"
    ):
        fold(data, Split("site", 3), 0, 2)


def test_a_publishers_training_part_without_a_class_is_refused():
    data = people(8, 4, parts=("train",) * 8 + ("test",) * 4)
    with pytest.raises(BenchError, match="part of fold 1 of some_set has no scan of the class 'b'"):
        fold(data, Split("publisher", 1), 0, 0)


def test_one_value_only_is_nothing_to_predict():
    data = people(12, task=Task("regression", "mae"))
    with pytest.raises(BenchError, match="all scans of some_set have the target 0: nothing to predict"):
        fold(data, Split(), 0, 0)
