"""Studies on fewer people and on wrong or missing labels: what is planned, what is learnt from, what is tested."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench import registry
from bench.core import Arm, BenchError, Data, Labels, Recipe, Split, Study, Trial, plain
from bench.data.missing_components import components
from bench.data.prepare import fingerprint, prepare
from bench.experiments import plan
from bench.training.trial_data import RefusalError, load_trial_data


def trial(name: str, labels: Labels = Labels(), fraction: float = 1.0) -> Trial:  # noqa: B008 (frozen)
    made = prepare(name, {"subjects": 40})
    split = Split(folds=4, fraction=fraction)
    return Trial(made.spec, registry.spec("methods", "linear"), split, labels, recipe=Recipe(steps=1))


def load_data(one: Trial):
    return load_trial_data(one, registry.make("methods", one.method.name), torch.device("cpu"))


def test_wrong_labels_are_learnt_from_and_never_tested_on():
    clean, noisy = load_data(trial("phantom_order")), load_data(trial("phantom_order", Labels.noisy(0.4)))
    differ = np.flatnonzero(clean.targets != noisy.targets)
    assert set(differ) <= set(clean.fold.train)
    assert len(differ) == round(0.4 * len(clean.fold.train))
    np.testing.assert_array_equal(clean.part(clean.fold.val).y, noisy.part(noisy.fold.val).y)
    np.testing.assert_array_equal(clean.test().y, noisy.test().y)


def test_a_number_has_no_other_class():
    with pytest.raises(RefusalError, match="flipped between classes only"):
        load_data(trial("phantom_age", Labels.noisy(0.4)))


def spots(share: float, **changed) -> Trial:
    made = prepare("tiny_spots")
    return Trial(made.spec, registry.spec("methods", "unet3d"), Split(folds=5), Labels.incomplete(share), **changed)


def test_structures_are_missing_in_the_masks_of_training_scans_only(plugins):
    whole, some, more = (load_data(spots(share)) for share in (0.0, 0.3, 0.6))
    for part in ("val", "test"):
        rows = getattr(whole.fold, part)
        for each in (some, more):
            np.testing.assert_array_equal(whole.targets[rows], each.targets[rows])
    np.testing.assert_array_equal(whole.test().y, more.test().y)
    learnt = [data.part(data.fold.train, training=True).y for data in (whole, some, more)]
    assert (learnt[0] >= learnt[1]).all()
    assert (learnt[1] >= learnt[2]).all()
    for share, masks in ((0.3, learnt[1]), (0.6, learnt[2])):
        counted = [len(components(mask)) for mask in masks]
        assert np.mean(counted) == pytest.approx((1 - share) * 9, abs=0.5)
    np.testing.assert_array_equal(learnt[2], load_data(spots(0.6)).targets[more.fold.train])  # the same each time


def test_every_seed_misses_other_structures_and_every_fold_the_same(plugins):
    first, other = load_data(spots(0.5)), load_data(spots(0.5, seed=1))
    assert (first.targets[first.fold.train] != other.targets[first.fold.train]).any()
    moved = load_data(spots(0.5, fold=1))
    both = np.intersect1d(first.fold.train, moved.fold.train)
    np.testing.assert_array_equal(first.targets[both], moved.targets[both])


def test_the_share_of_missing_structures_is_in_the_key_only_where_there_is_one(plugins):
    none, half = spots(0.0), spots(0.5)
    assert none.key == replace(half, labels=Labels()).key
    assert "missing" not in none.text
    assert len({none.key, half.key, spots(0.25).key}) == 3
    assert Trial.parse(plain(half)).key == half.key
    assert (none.where, half.where) == ("tiny_spots", "tiny_spots@missing50")


def test_only_masks_have_structures_that_can_be_missing():
    with pytest.raises(RefusalError, match="components are left out of masks that are learnt"):
        load_data(trial("phantom_order", Labels.incomplete(0.5)))


def test_fewer_people_are_nested_and_tested_on_all():
    parts = [load_data(trial("phantom_order", fraction=fraction)).fold for fraction in (0.1, 0.25, 1.0)]
    for less, more in itertools.pairwise(parts):
        assert set(less.train) < set(more.train)
        np.testing.assert_array_equal(less.test, more.test)
        np.testing.assert_array_equal(less.val, more.val)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x@25", Data("x", fraction=0.25)),
        ("x@noise40", Data("x", noise=0.4)),
        ("x@missing50", Data("x", missing=0.5)),
        ("x@missing12.5", Data("x", missing=0.125)),
        ("x@missings", Data("x", external=Data("missings"))),
        ("x@12.5", Data("x", fraction=0.125)),
        ("x@site", Data("x", split="site")),
        ("x@noisy", Data("x", external=Data("noisy"))),
    ],
)
def test_the_command_line_reads_what_tables_write(text, expected):
    assert Data.parse(text) == expected
    assert expected.where == text


def test_every_share_is_a_row_of_data_with_its_own_trials():
    prepare("phantom_order", {"subjects": 40})
    data = [Data("phantom_order", {"subjects": 40}, fraction=share) for share in (0.1, 1.0)]
    data.append(Data("phantom_order", {"subjects": 40}, noise=0.4))
    arms = {"a": Arm("linear"), "b": Arm("constant")}
    study = Study(question="?", datasets=data, reference="a", arms=arms, folds=2, partitions=1)
    found, _ = plan.locate(study, fingerprint)
    assert [item.where for item in found] == ["phantom_order@10", "phantom_order", "phantom_order@noise40"]
    cells = plan.cells(study, found)
    assert len({cell.trial.key for cell in cells}) == len(cells) == 12
    assert {cell.trial.where for cell in cells} == {item.where for item in found}
    again = [Trial.parse(plain(cell.trial)) for cell in cells]
    assert [one.key for one in again] == [cell.trial.key for cell in cells]
    with pytest.raises(BenchError, match="fraction must be above 0"):
        plan.locate(replace(study, datasets=[Data("phantom_order", fraction=0.0)]), fingerprint)
