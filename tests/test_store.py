"""Promises of bench.store: whole or not at all, first come first kept, nothing unpickled."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bench.core import DataSpec, Record, Spec, Trial
from bench.store import Store, write_text

TRIAL = Trial(DataSpec("d"), Spec("m"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def test_a_record_comes_back_as_it_went(store):
    arrays = {"ids": np.array(["a", "bb"]), "y": np.array([0.5, 1.0])}
    store.put(Record(TRIAL, "done", metrics={"selected": {"auc": float("nan")}}), arrays)
    assert store.get(TRIAL.key).status == "done"
    assert np.isnan(store.get(TRIAL.key).metrics["selected"]["auc"])
    back = store.predictions(TRIAL.key)
    assert back["ids"].tolist() == ["a", "bb"]
    np.testing.assert_array_equal(back["y"], arrays["y"])
    assert [path.name for path in store.trials.iterdir()] == [TRIAL.key]


def test_the_first_record_is_kept(store):
    store.put(Record(TRIAL, "done", sizes={"test": 1}))
    store.put(Record(TRIAL, "done", sizes={"test": 2}))
    assert store.get(TRIAL.key).sizes == {"test": 1}
    assert [path.name for path in store.trials.iterdir()] == [TRIAL.key]


def test_a_record_that_cannot_be_written_leaves_nothing(store):
    with pytest.raises(TypeError):
        store.put(Record(TRIAL, "done", sizes={"test": object()}))
    assert not store.has(TRIAL.key)
    assert list(store.trials.iterdir()) == []


def test_a_record_set_aside_is_kept_and_does_not_count(store):
    for _ in range(2):
        store.put(Record(TRIAL, "failed"))
        store.set_aside(TRIAL.key, "replaced")
    assert not store.has(TRIAL.key)
    assert len(list(store.trials.iterdir())) == 2


def test_predictions_hold_no_pickles(store):
    store.put(Record(TRIAL, "done"), {"y": np.array([1.0])})
    path = store.folder(TRIAL.key) / "predictions.npz"
    np.savez(path, y=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        store.predictions(TRIAL.key)


def test_a_text_is_replaced_whole(tmp_path):
    path = tmp_path / "a" / "plan.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert [each.name for each in path.parent.iterdir()] == ["plan.json"]


def test_what_a_dead_process_left_is_swept_away_and_a_living_one_keeps_its_own(store):
    with store.scratch() as ours:
        dead = ours.with_name(ours.name.replace(f"-{os.getpid()}-", "-4194999-"))
        dead.mkdir()
        store.sweep()
        assert ours.is_dir()
        assert not dead.exists()
