"""SyN of dipy, an optional extra: refused by name without it, and with it a smooth deformation is found."""

from __future__ import annotations

import numpy as np
import pytest

from bench import registry
from bench.core import BenchError, Task
from bench.data.registration_kind import REGISTRATION
from bench.evaluation.metrics import metric

PAIRS = Task(REGISTRATION, "region_dice", ("background", "structure"))


def test_without_dipy_it_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr("baselines.syn.find_spec", lambda name: None)
    reason = registry.make("methods", "syn").refuses(PAIRS, (1, 20, 20, 20))
    assert "dipy" in reason
    assert "pip install 'dclse-bench[syn]'" in reason
    assert "one scan to a sample" in registry.make("methods", "syn").refuses(Task("regression", "mae"), (1, 20, 20, 20))
    assert "window of 5 voxels" in registry.make("methods", "syn").refuses(PAIRS, (1, 20, 5, 20))
    with pytest.raises(BenchError, match="radius"):
        registry.make("methods", "syn", {"radius": 0})


def test_it_is_nearer_to_the_truth_than_the_affine_map():
    pytest.importorskip("dipy")
    made = registry.make("datasets", "phantom_pairs", {"mm": 9.0, "effect": 1.5, "subjects": 4})
    fixed, moving = (sample.read() for sample in made.samples(None)[:2])
    truth = made.true_displacement("phantom-0000", "phantom-0001")
    y = np.concatenate([[fixed.mask, moving.mask], truth])[None].astype(np.float32)
    errors = {}
    for name in ("affine", "syn"):
        found = registry.make("methods", name).align(*(scan.image[0].astype(np.float32) for scan in (fixed, moving)))
        errors[name] = metric("endpoint_error")(y, found[None], made.spacing)
    assert errors["syn"] < errors["affine"] < metric("endpoint_error")(y, np.zeros_like(y[:, 2:]), made.spacing)
    assert metric("folded")(y, found[None]) < 0.001
