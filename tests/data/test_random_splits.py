"""Two hundred ways to divide phantoms, and two hundred to divide real sets: no person is divided, none is lost."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import registry
from bench.core import BenchError, Split
from bench.data import splits
from bench.data.prepare import prepare

DRAWN = [name for name in registry.names("datasets") if registry.member("datasets", name).phantom]
REAL = (  # name, parameters, folder
    ("ad_oasis", {}, "oasis1"),
    ("age_oasis", {}, "oasis1"),
    ("ad_mri2d", {}, "alz4"),
    ("ad_mri2d", {"stages": 2}, "alz4"),
    ("bt_mri", {}, "bt4_nickparvar"),
    ("bt_mri", {"pituitary": True}, "bt4_nickparvar"),
    ("age_ixi", {}, "ixi10"),
    ("roi_ixi", {}, "ixi10"),
)


class Listed:
    """What a split sees of a data set that is not made."""

    def __init__(self, name, samples, task):
        self.name, self.task = name, task
        for column in ("group", "stratum", "site", "part"):
            key = {"stratum": "strata"}.get(column, f"{column}s")
            setattr(self, key, tuple(getattr(sample, column) for sample in samples))
        self.targets = np.array([sample.target for sample in samples])


@pytest.fixture(scope="module")
def listed():
    made = {name: registry.make("datasets", name) for name in DRAWN}
    return [Listed(name, dataset.samples(None), dataset.task) for name, dataset in made.items()]


def most(one) -> int:
    """The folds that a set can have at most: a group of the rarest class in each, or just a group."""
    groups = dict(zip(one.groups, one.targets.tolist(), strict=True))
    if one.task.kind != "classification":
        return len(groups)
    return min(list(groups.values()).count(target) for target in set(one.targets.tolist()))


@st.composite
def ways(draw, sets):
    """A set, a way to divide it that it has, and a partition."""
    one = draw(st.sampled_from(sets))
    fraction, partition = draw(st.sampled_from([0.3, 1.0])), draw(st.integers(0, 5))
    kinds = ["kfold"] * 3 + ["site"] * (len(set(one.sites)) > 1) + ["publisher"] * ({"train", "test"} <= set(one.parts))
    kind = draw(st.sampled_from(kinds))
    folds = {"site": len(set(one.sites)), "publisher": 1}.get(kind) or draw(st.integers(2, min(6, most(one))))
    return one, Split(kind, folds, fraction), partition


def check(one, split, partition, twins=None):
    """No group is on two sides, no scan is lost, every scan is tested once; twins: nor is one in another group."""
    groups, tested = np.array(one.groups), []
    for number in range(split.folds):
        try:
            fold = splits.fold(one, split, partition, number)
        except BenchError as error:  # a class with too few people for every part
            if "has no scan of the class" not in str(error) or most(one) > 4:
                raise
            return
        train, val, test = (set(groups[rows]) for rows in (fold.train, fold.val, fold.test))
        assert not train & val
        assert split.kind == "publisher" or not test & (train | val)
        if split.fraction == 1:
            assert sorted((*fold.train, *fold.val, *fold.test)) == list(range(len(groups)))
        if twins is not None and split.kind != "publisher":
            sides = [set(twins[rows]) for rows in (fold.train, fold.val, fold.test)]
            assert sum(map(len, sides)) == len(set().union(*sides))
        tested += fold.test.tolist()
    there = [row for row, part in enumerate(one.parts) if part == "test" or split.kind != "publisher"]
    assert sorted(tested) == there


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_split_of_any_phantom_divides_a_group_or_loses_a_scan(listed, data):
    check(*data.draw(ways(listed)))


@pytest.fixture(scope="module")
def real(scans, tmp_path_factory):
    """The real sets as they are prepared, with a checksum of every scan."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(tmp_path_factory.mktemp("data")))
        made = [prepare(name, params, scans / folder) for name, params, folder in REAL]
        marks = [[hashlib.sha256(image.tobytes()).hexdigest() for image in each.images()] for each in made]
    return made, {id(each): np.array(each_marks) for each, each_marks in zip(made, marks, strict=True)}


@pytest.mark.slow
def test_no_split_of_any_real_set_divides_a_group_or_a_duplicate_or_loses_a_scan(real):
    made, marks = real
    assert any(len(set(each)) < len(each) for each in marks.values())  # there are duplicates to be divided

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(way=ways(made))
    def divided(way):
        check(*way, marks[id(way[0])])

    divided()


def test_no_split_of_a_real_set_divides_a_group_or_loses_a_scan(scans):
    for name, params, folder in [*REAL[:2], REAL[4], *REAL[6:]]:
        dataset = registry.make("datasets", name, params)
        check(Listed(name, dataset.samples(scans / folder), dataset.task), Split(folds=3), 1)


@pytest.mark.parametrize(("name", "shared"), [("phantom_ad2d", True), ("phantom_bt_mri", False)])
def test_phantoms_of_published_images_have_a_publishers_split(name, shared):
    dataset = registry.make("datasets", name)
    one = Listed(name, dataset.samples(None), dataset.task)
    fold = splits.fold(one, Split("publisher", 1), 0, 0)
    assert len(fold.test) > 10
    assert splits.shared_groups(one, fold).all() == shared
