"""From one task to another: the weights of a trial begin another trial, and its record says which were taken over."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bench import registry
from bench.core import BenchError, Recipe, Split, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.report.tables.arms_table import arms_body
from bench.storage.record_store import Store

RECIPE = Recipe(steps=2, batch_size=4, points=1)


def test_weights_of_images_begin_a_training_on_volumes(tmp_path):
    images = prepare("phantom_bt_mri", {"subjects": 12, "size": 64, "mm": 3.6})
    volumes = prepare("phantom_age", {"subjects": 12, "mm": 8.0})
    store = Store(tmp_path)
    first = Trial(images.spec, registry.spec("methods", "dclse", {"dgm": "none"}), Split(folds=2), recipe=RECIPE)
    assert run_trial.run(first, store, keep=True).status == "done"
    file = store.weights(first.key)
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(BenchError, match="give it as checksum"):
        registry.make("methods", "dclse", {"weights": str(file)}).check()
    params = {"weights": str(file), "checksum": checksum}
    second = replace(first, data=volumes.spec, method=registry.spec("methods", "dclse", params))
    record = run_trial.run(second, store)
    assert record.status == "done", record.error
    values = record.resolved["network"]["carried over"]
    assert {name.partition(".")[0] for name in values["taken"]} >= {"stem", "stages"}
    assert any("head.weight" in str(entry) for entry in values["other_shape"])  # four classes there, one number here
    assert any("stem.0.weight" in str(entry) for entry in values["other_shape"])  # one channel there, three here
    assert all(name.startswith("dgm.") for name in values["missing"])  # the mechanisms are new
    assert not values["unused"]
    assert 0 < values["numbers"] < values["of"]
    run = SimpleNamespace(done=True, record=record, cell={"method": "dclse"})
    section = SimpleNamespace(name="volumes", arms=["AD, begun"], of=lambda arm: [run])
    (note,) = arms_body(SimpleNamespace(sections=[section])).notes
    assert note.startswith(f"AD, begun began with other weights: {len(values['taken'])} tensors of weights.safetensors")
    assert "of another shape: " in note
    assert "not in the file: dgm." in note
