"""Promises of the record store: whole or not at all, first come first kept, damage found, nothing unpickled."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.core import BenchError, DataSpec, Record, RunAbortedError, Spec, Trial
from bench.storage.atomic_io import write_text
from bench.storage.finished_trial import finished_record
from bench.storage.record_store import DamagedRecordError, Store

TRIAL, OTHER = Trial(DataSpec("d"), Spec("m")), Trial(DataSpec("d"), Spec("n"))


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


def test_the_first_record_is_never_overwritten(store):
    store.put(Record(TRIAL, "done", sizes={"test": 1}))
    store.put(Record(TRIAL, "done", sizes={"test": 2}))
    assert store.get(TRIAL.key).sizes == {"test": 1}
    assert [path.name for path in store.trials.iterdir()] == [TRIAL.key]


def test_a_record_that_cannot_be_written_leaves_nothing(store):
    with pytest.raises(TypeError):
        store.put(Record(TRIAL, "done", sizes={"test": object()}))
    assert not store.has(TRIAL.key)
    assert store.get(TRIAL.key) is None
    store.put(Record(TRIAL, "done"))
    assert [path.name for path in store.trials.iterdir()] == [TRIAL.key]


def test_a_record_set_aside_is_kept_and_does_not_count(store):
    for _ in range(2):
        store.put(Record(TRIAL, "failed"))
        store.set_aside(TRIAL.key, "replaced")
    assert not store.has(TRIAL.key)
    assert len(list(store.trials.iterdir())) == 2


def edited(path: Path) -> None:
    path.write_text(path.read_text().replace('"auc": 0.5', '"auc": 0.9'))


DAMAGE = {
    "record.json is missing": lambda path: path.unlink(),
    "record.json was changed": edited,
    "record.json cannot be read": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "record.json was changed after": lambda path: path.write_text("{}"),
    "record of another trial": lambda path: path.write_bytes((path.parents[1] / OTHER.key / path.name).read_bytes()),
}


@pytest.mark.parametrize("says", DAMAGE)
def test_a_damaged_record_is_named_and_does_not_count(store, says):
    for trial in (TRIAL, OTHER):
        store.put(Record(trial, "done", metrics={"selected": {"auc": 0.5}}))
    assert store.verified(TRIAL.key).status == "done"
    DAMAGE[says](store.folder(TRIAL.key) / "record.json")
    assert store.has(TRIAL.key)
    assert store.get(TRIAL.key) is None
    assert says in store.damaged[TRIAL.key]


def test_damaged_predictions_are_named_and_not_read(store):
    store.put(Record(TRIAL, "done"), {"y": np.array([1.0])})
    path = store.folder(TRIAL.key) / "predictions.npz"
    np.savez(path, y=np.array([{}], dtype=object))
    assert store.verified(TRIAL.key) is None
    assert "predictions.npz was changed" in store.damaged[TRIAL.key]
    with pytest.raises(DamagedRecordError, match=r"predictions.npz was changed"):
        store.predictions(TRIAL.key)
    path.unlink()
    assert store.verified(TRIAL.key) is None
    assert "predictions.npz is missing" in store.damaged[TRIAL.key]


def test_damaged_weights_are_detected_when_they_are_read(store, tmp_path):
    save_file({"w": torch.ones(3)}, tmp_path / "w.safetensors")
    store.put(Record(TRIAL, "done"), weights=tmp_path / "w.safetensors")
    store.weights(TRIAL.key).write_bytes(b"")
    assert store.verified(TRIAL.key).status == "done"
    assert store.verified(TRIAL.key, weights=True) is None
    assert "weights.safetensors was changed" in store.damaged[TRIAL.key]


def test_predictions_hold_no_pickles(store):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        store.put(Record(TRIAL, "done"), {"y": np.array([{}], dtype=object)})


def test_a_text_is_replaced_completely(tmp_path):
    path = tmp_path / "a" / "plan.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert [each.name for each in path.parent.iterdir()] == ["plan.json"]


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "stdout").symlink_to("/dev/null")
    for name in ("pipe", "stdout"):
        with pytest.raises(RunAbortedError, match=f"{name} is a device or a pipe"):
            write_text(tmp_path / name, "one")
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "stdout").is_char_device()


def test_work_in_progress_is_removed_if_there_is_a_record_and_no_lock(store):
    for trial in (TRIAL, OTHER):
        (store.workplace(trial.key) / "point-1.safetensors").write_bytes(b"x")
    store.sweep()
    assert len(list(store.trials.glob(".running-*"))) == 2
    saved = store.workplace(TRIAL.key)
    saved.rename(store.trials / "kept")
    store.put(Record(TRIAL, "done"))
    (store.trials / "kept").rename(saved)
    with store.claim(TRIAL.key):
        store.sweep()
        assert len(list(store.trials.glob(".running-*"))) == 2
    store.sweep()
    assert [path.name.split("-")[1] for path in store.trials.glob(".running-*")] == [OTHER.key]


def test_work_in_progress_of_another_machine_is_resumed_and_removed_when_old(store):
    there = store.trials / f".running-{TRIAL.key}-another"
    there.mkdir(parents=True)
    (there / "checkpoint.json").write_text("{}")
    assert (store.workplace(TRIAL.key) / "checkpoint.json").read_text() == "{}"
    store.put(Record(TRIAL, "done"))
    store.sweep()
    assert there.is_dir()
    os.utime(there, (0, 0))
    store.sweep()
    assert not there.exists()


@pytest.mark.parametrize("name", ["record.json", "weights.safetensors"])
def test_a_network_whose_files_are_damaged_is_called_damaged_and_not_missing(name, store, tmp_path):
    save_file({"w": torch.zeros(3)}, tmp_path / "w.safetensors")
    store.put(Record(TRIAL, "done"), weights=tmp_path / "w.safetensors")
    assert finished_record(store, TRIAL.key).status == "done"
    (store.folder(TRIAL.key) / name).write_bytes(b"x")
    with pytest.raises(BenchError, match=f"is damaged: .*{name}.*; put back a copy of its folder"):
        finished_record(store, TRIAL.key)


def noted(look: Callable, listed: list[str]) -> Callable:
    """A function of `os` that notes the folder whose content it gives."""

    def noting(path="."):
        listed.append(str(path))
        return look(path)

    return noting


def test_a_record_is_saved_without_a_look_at_the_other_records(store, tmp_path, monkeypatch):
    store.put(Record(OTHER, "done"))
    files = {path.name: path.read_bytes() for path in store.folder(OTHER.key).iterdir()}
    store.workplace(TRIAL.key)
    listed = []
    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, noted(getattr(os, name), listed))
    store.workplace(TRIAL.key)  # it is there already
    store.put(Record(TRIAL, "done"))
    (tmp_path / "merged").mkdir()
    merged = Store(tmp_path / "merged")
    merged.receive(OTHER.key, files)
    assert store.has(TRIAL.key)
    assert merged.has(OTHER.key)
    assert listed  # other folders are looked at
    assert not {str(store.trials), str(merged.trials)} & set(listed)
