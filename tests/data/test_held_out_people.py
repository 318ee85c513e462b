"""Nobody of a validation or test part is in a pretraining: people are matched by declared cohorts, never by a guess."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.core import BenchError, DataSpec, HeldOut, RunAbortedError, Split
from bench.data import splits
from bench.data.held_out_people import (
    check_nobody_held_out,
    held_out_rows,
    people_checksum,
    pretraining_fold,
    same_people,
)
from bench.data.prepare import prepare


@pytest.fixture
def tested(plugins):
    """24 people, two scans of every third one."""
    return prepare("tiny_volumes")


@pytest.fixture
def pool(plugins):
    """The same 24 people and 12 more, with their ages."""
    return prepare("tiny_volumes", {"kind": "regression", "people": 36})


def held_out(tested, partition=0, fold=0, **more):
    held = HeldOut(tested.spec, Split(folds=3), partition, fold, **more)
    return replace(held, people=people_checksum(held))


def people(prepared, rows):
    return {prepared.groups[row] for row in rows}


@pytest.mark.parametrize("partition", [0, 1])
@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_pretraining_has_everybody_but_the_validated_and_tested_people(tested, pool, partition, fold):
    judged = splits.fold(tested, Split(folds=3), partition, fold)
    out = people(tested, [*judged.val, *judged.test])
    parts = pretraining_fold(pool, held_out(tested, partition, fold))
    assert people(pool, parts.train) | people(pool, parts.val) == set(pool.groups) - out
    assert not people(pool, parts.train) & people(pool, parts.val)
    assert people(pool, parts.test) == out
    assert sorted([*parts.train, *parts.val, *parts.test]) == list(range(len(pool.ids)))
    assert len(parts.val)


def test_people_are_left_out_with_all_who_share_a_group_or_look_alike(tested, pool):
    (first, *_) = sorted(people(tested, splits.fold(tested, Split(folds=3), 0, 0).test))
    own = {row for row, group in enumerate(pool.groups) if group == first}
    stranger, twin = "p34", "p35"  # in the pool alone
    under_another_name = [stranger if row in own else group for row, group in enumerate(pool.groups)]
    alike = ["one" if group in (first, twin) else group for group in pool.groups]
    merged = replace(pool, groups=tuple(under_another_name), clusters=tuple(under_another_name))
    looks = replace(pool, clusters=tuple(alike))
    assert stranger not in people(pool, np.flatnonzero(held_out_rows(pool, held_out(tested))))
    assert {stranger} <= people(merged, np.flatnonzero(held_out_rows(merged, held_out(tested))))
    assert {first, twin} <= people(looks, np.flatnonzero(held_out_rows(looks, held_out(tested))))


def test_everybody_of_an_external_test_set_is_left_out(tested, pool):
    other = prepare("tiny_volumes", {"people": 30})
    out = people(pool, np.flatnonzero(held_out_rows(pool, held_out(tested, external=other.spec))))
    assert out == set(other.groups)


def test_a_pretraining_on_people_who_are_all_judged_is_refused(tested, pool):
    with pytest.raises(BenchError, match="nobody is left to pretrain on"):
        pretraining_fold(pool, held_out(tested, external=prepare("tiny_volumes", {"people": 36}).spec))


def test_people_of_another_plan_stop_the_pretraining(tested, pool):
    wrong = replace(held_out(tested, fold=0), people=held_out(tested, fold=1).people)
    with pytest.raises(RunAbortedError, match="prepared again after the study was planned"):
        pretraining_fold(pool, wrong)


def test_a_planted_test_person_is_found(tested, pool):
    held = held_out(tested)
    parts, rows = pretraining_fold(pool, held), held_out_rows(pool, held)
    check_nobody_held_out(pool, parts, rows)
    for planted in (replace_part(parts, "train"), replace_part(parts, "val")):
        with pytest.raises(RunAbortedError, match="would learn from 1 scans of people of a validation or test part"):
            check_nobody_held_out(pool, planted, rows)


def replace_part(parts, name):
    """The parts with the first test scan in another part."""
    return replace(parts, **{name: np.append(getattr(parts, name), parts.test[:1])})


def test_a_set_of_other_people_is_split_by_folds(tested, pool):
    names = {name: tuple(f"other {each}" for each in getattr(pool, name)) for name in ("ids", "groups", "clusters")}
    others, held = replace(pool, **names), held_out(tested)
    assert not held_out_rows(others, held).any()
    parts = pretraining_fold(others, held)
    assert sorted([*parts.train, *parts.val, *parts.test]) == list(range(len(pool.ids)))
    assert len(people(others, parts.test)) in (3, 4)  # of 36 people in 10 folds


@pytest.mark.parametrize(
    ("pool", "tested", "same"),
    [
        ("age_oasis", "ad_oasis", True),
        ("roi_ixi", "age_ixi", True),
        ("age_ixi", "ad_oasis", False),
        ("age_oasis", "roi_ixi", False),
        ("phantom_age", "phantom_ad", False),
        ("phantom_age", "ad_oasis", False),
    ],
)
def test_cohorts_say_who_is_the_same_person(pool, tested, same):
    assert same_people(DataSpec(pool), DataSpec(tested)) is same


def test_a_phantom_has_the_same_people_for_the_same_seed_alone():
    one, bigger = DataSpec("phantom_ad"), DataSpec("phantom_ad", params={"subjects": 90})
    assert same_people(one, bigger)
    assert not same_people(one, DataSpec("phantom_ad", params={"seed": 1}))


@pytest.mark.parametrize(("pool", "tested"), [("ad_adni", "ad_oasis"), ("ad_mri2d", "age_oasis"), ("bt_ct", "bt_mri")])
def test_sets_of_unknown_relation_are_refused_by_name(pool, tested):
    with pytest.raises(BenchError, match=f"a network tested on {tested} cannot be pretrained on {pool}"):
        same_people(DataSpec(pool), DataSpec(tested))


def test_the_tables_of_oasis_give_a_person_and_a_scan_one_name_in_both_tasks(scans):
    (ad, age) = (registry.make("datasets", name).samples(scans / "oasis1") for name in ("ad_oasis", "age_oasis"))
    everybody = {(sample.id, sample.group) for sample in age}
    assert len(ad) == 198
    assert {(sample.id, sample.group) for sample in ad} <= everybody
