"""What plug-ins import today can be imported under the same names."""

from __future__ import annotations

import importlib

import pytest

from bench.core.old_addresses import ADDRESSES

NAMES = {
    "bench.core": (
        "Arm BenchError Choices Data Dataset Factor Floats Ints Light MisfitError NO_CURRICULUM"
        " UnsupportedInputSizeError RandomLabels Range Recipe Sample Scan Spec Study Task Trial Tuning"
        " param plain seed_of Design"
    ),
    "bench.method": "Method Batch Outputs DESCENT label_losses soft_dice outputs overheard unfit",
    "bench.curriculum": "Curriculum Stage Signals",
    "bench.views": "View Volume Dynamic Slab Orthogonal SlidingDynamic PLANES effective",
    "bench.views.layer": "RankPooling",
    "bench.registry": "did_you_mean make spec",
    "bench.weights": "verified carry_over fitting tensors without_weights",
    "bench.data.readers.bids": "scans",
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in NAMES for name in NAMES[module].split()])
def test_a_public_name_can_be_imported_by_plugins(module, name):
    assert hasattr(importlib.import_module(module), name)


def test_the_error_of_older_plug_ins_is_the_one_that_refuses_a_trial():
    core = importlib.import_module("bench.core")
    assert core.MisfitError is core.UnsupportedInputSizeError


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_module_that_has_moved_is_found_at_its_old_address(name):
    module = importlib.import_module(name)
    target, renamed = ADDRESSES[name]
    for old, new in renamed.items():
        assert getattr(module, old) is getattr(importlib.import_module(target), new)
    assert not hasattr(module, "never_there")


def test_names_that_never_were_are_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'bench\.tune\.never'"):
        importlib.import_module("bench.tune.never")


def test_old_modules_lead_to_the_functions_of_today():
    from bench.launch.worker import WorkerJob
    from bench.stages import convolutions
    from bench.vision import mend_torchvision

    assert WorkerJob.__module__ == "bench.experiments.launch.worker"
    assert convolutions.__module__ == "bench.training.curriculum_hooks"
    mend_torchvision()
