"""Promises of bench.core: identity, seeds, canonical form."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core import (
    Arm,
    BenchError,
    Data,
    DataSpec,
    Factor,
    Labels,
    Recipe,
    Record,
    Spec,
    Study,
    Task,
    Trial,
    canonical,
    param,
    plain,
    seed_of,
)

TRIAL = Trial(DataSpec("d", 1, {"a": 1}, "f"), Spec("m", 1, {"lr": 0.1}))


@pytest.mark.parametrize(
    "changed",
    [
        replace(TRIAL, data=replace(TRIAL.data, fingerprint="g")),
        replace(TRIAL, data=replace(TRIAL.data, version=2)),
        replace(TRIAL, method=replace(TRIAL.method, params={"lr": 0.2})),
        replace(TRIAL, method=replace(TRIAL.method, version=2)),
        replace(TRIAL, labels=Labels("permuted", 1)),
        replace(TRIAL, fold=1),
        replace(TRIAL, partition=1),
        replace(TRIAL, seed=1),
        replace(TRIAL, recipe=Recipe(steps=999)),
    ],
)
def test_whatever_changes_a_number_changes_the_key(changed):
    assert changed.key != TRIAL.key


def test_the_key_depends_on_the_protocol(monkeypatch):
    before = TRIAL.key
    monkeypatch.setattr("bench.core.trial.PROTOCOL", 999)
    assert replace(TRIAL).key != before


def test_a_trial_survives_json():
    assert Trial.parse(json.loads(json.dumps(plain(TRIAL)))).key == TRIAL.key


def test_a_record_survives_json():
    record = Record(TRIAL, "done", metrics={"selected": {"auc": 0.5}}, cost={"parameters": 3})
    again = Record.parse(json.loads(json.dumps(plain(record))))
    assert plain(again) == plain(record)


def test_seeds_are_shared_by_the_methods_of_a_cell():
    other = replace(TRIAL, method=Spec("another"))
    assert other.seed_for("init") == TRIAL.seed_for("init")
    assert TRIAL.seed_for("order") != TRIAL.seed_for("init")
    assert replace(TRIAL, fold=1).seed_for("init") != TRIAL.seed_for("init")


def test_a_seed_is_the_same_everywhere():
    assert seed_of("data", 0, 1, "init") == 336510450


@given(st.dictionaries(st.text(), st.integers() | st.booleans() | st.text(), max_size=5))
def test_the_canonical_form_is_independent_of_the_order_of_keys(entries):
    assert canonical(dict(reversed(list(entries.items())))) == canonical(entries)


def test_a_task_of_no_known_kind_is_refused():
    with pytest.raises(BenchError, match="classification, segmentation, regression"):
        Task("ranking", "auc")


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch_size": 0}, {"precision": "fp16"}])
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(BenchError):
        Recipe(**wrong)


def test_factors_give_one_arm_a_level_with_the_others_at_their_controls():
    factors = {
        "a": Factor({"on": {"x": 1}, "off": {"x": 0}}, "on"),
        "b": Factor({"1": {"y": 1}, "2": {"y": 2}}, "1"),
    }
    study = Study("?", [Data("d")], base=Arm("m", {"z": 3}), factors=factors)
    rows = {label: dict(arm.params) for label, arm in study.rows()}
    assert rows == {
        "control": {"z": 3, "x": 1, "y": 1},
        "a=off": {"z": 3, "x": 0, "y": 1},
        "b=2": {"z": 3, "x": 1, "y": 2},
    }


@dataclass(frozen=True)
class Before:
    lr: float = param(0.1, "rate")


@dataclass(frozen=True)
class After(Before):
    clip: float = param(0.0, "largest norm of a gradient", later=True)


def test_a_parameter_added_later_leaves_keys_as_they_are_until_it_is_set():
    assert canonical(After()) == canonical(Before())
    assert plain(After(clip=2.0)) == {"lr": 0.1, "clip": 2.0}
