"""Going on: trials from their last evaluation point, to the bit; claims of the dead; records that are damaged."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from killable_studies import cut_short, trial_of

from bench import registry
from bench.core import plain
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training import checkpoint, loop


def stop_at(share):
    def stop(fraction):
        if fraction >= share:
            raise KeyboardInterrupt

    return stop


def interrupted(trial, root, share=0.5):
    store = Store(root)
    with pytest.raises(KeyboardInterrupt):
        run_trial.run(trial, store, True, stop_at(share))
    return store


def same(trial, store, other):
    """The same record, predictions and weights, all but times."""
    one, two = store.get(trial.key), other.get(trial.key)
    assert plain(one.metrics) == plain(two.metrics)
    assert plain(one.curve) == plain(two.curve)
    for name, array in store.predictions(trial.key).items():
        np.testing.assert_array_equal(array, other.predictions(trial.key)[name])
    assert store.weights(trial.key).read_bytes() == other.weights(trial.key).read_bytes()


@pytest.mark.parametrize("arm", ["net", "momentum", "fading"])
def test_a_killed_trial_goes_on_to_the_bit(cells, tmp_path, arm):
    trial, undisturbed = trial_of(cells, arm), Store(tmp_path / "whole")
    run_trial.run(trial, undisturbed, True)
    store = interrupted(trial, tmp_path / "killed")
    record = run_trial.run(trial, store, True)
    assert record.resolved["resumed_at_step"] == 120
    same(trial, undisturbed, store)
    assert list(store.trials.glob(".running-*")) == []


def edited(path):
    entry = json.loads(path.read_text())
    entry["points"][0][3] = 0.99
    path.write_text(json.dumps(entry))


DAMAGE = {
    "course-120.safetensors was changed": ("course-*.safetensors", cut_short),
    "point-20.safetensors was changed": ("point-20.safetensors", cut_short),
    "No such file": ("point-40.safetensors", lambda path: path.unlink()),
    "checkpoint.json was changed": ("checkpoint.json", edited),
    "damaged: ": ("checkpoint.json", cut_short),
}


@pytest.mark.parametrize("says", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_set_aside_and_the_trial_restarts(cells, tmp_path, says):
    trial = trial_of(cells, "net")
    store, (name, damage) = interrupted(trial, tmp_path / "killed"), DAMAGE[says]
    (path,) = store.workplace(trial.key).glob(name)
    damage(path)
    record = run_trial.run(trial, store)
    assert (record.status, record.resolved["resumed_at_step"]) == ("done", 0)
    assert says in record.provenance["notes"][0]
    assert (store.trials / f"{trial.key}.damaged-1").is_dir()


def test_a_checkpoint_is_not_saved_too_often(cells, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 3600.0)
    trial = trial_of(cells, "net")
    store = interrupted(trial, tmp_path / "killed")
    assert not (store.workplace(trial.key) / checkpoint.CHECKPOINT).exists()
    assert run_trial.run(trial, store).resolved["resumed_at_step"] == 0


@pytest.mark.parametrize(
    ("owner", "name", "parts"), [(registry, "code", "curriculum, method"), (loop, "code_checksum", "bench")]
)
def test_a_checkpoint_of_another_program_is_not_resumed(cells, tmp_path, monkeypatch, owner, name, parts):
    trial = trial_of(cells, "net")
    store = interrupted(trial, tmp_path / "killed")
    monkeypatch.setattr(owner, name, lambda code: "another")
    record = run_trial.run(trial, store)
    assert (record.status, record.resolved["resumed_at_step"]) == ("done", 0)
    assert f"is outdated: {parts} changed" in record.provenance["notes"][0]
    assert (store.trials / f"{trial.key}.outdated-1").is_dir()


def test_what_another_machine_left_damaged_is_not_fetched_again(cells, tmp_path):
    trial = trial_of(cells, "net")
    store = interrupted(trial, tmp_path / "killed")
    here = store.workplace(trial.key)
    cut_short(here / "checkpoint.json")
    here.rename(here.with_name(f".running-{trial.key}-elsewhere"))
    record = run_trial.run(trial, store)
    assert (record.status, record.resolved["resumed_at_step"]) == ("done", 0)


@pytest.mark.parametrize("moment", ["link", "savez_compressed"])
def test_a_trial_stopped_while_its_record_is_written_is_not_trained_again(cells, tmp_path, monkeypatch, moment):
    trial, store = trial_of(cells, "net"), Store(tmp_path / "r")
    owner = os if moment == "link" else np
    with monkeypatch.context() as patched:
        patched.setattr(owner, moment, stop_now)
        with pytest.raises(KeyboardInterrupt):
            run_trial.run(trial, store, True)
    record = run_trial.run(trial, store, True)
    assert record.resolved["resumed_at_step"] == 240
    assert record.provenance["notes"] == []
    assert store.weights(trial.key)


def stop_now(*_, **__):
    raise KeyboardInterrupt
