"""A file of weights that the check before a study accepts is loaded, and one that it refuses is refused in the trial.

The cases are the same on every run.
"""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from bench.core import BenchError, Task
from bench.registry import make

FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
TWO = Task("classification", "auc", ("a", "b"))
MASKS = Task("segmentation", "dice", ("a", "b"))
CHANGES = ("counters", "extra", "shape", "missing", "head", "half", "others")
METHODS = {
    "dclse": ({}, "head", (TWO, MASKS)),
    "timm2d": ({"network": "resnet10t"}, "fc", (TWO,)),
    "xing2020": ({}, "", (TWO,)),
}


@cache
def whole(name: str, channels: int, task: Task) -> dict[str, Tensor]:
    """The weights of a network of its own, as it would be stored."""
    torch.manual_seed(0)
    if name == "timm2d":
        import timm

        return timm.create_model("resnet10t", in_chans=channels).state_dict()
    return make("methods", name, METHODS[name][0]).build(task, (channels, 64, 64)).state_dict()


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Task, int, int, tuple[str, ...]]:
    """Method, task, the channels of the file and of the scans, and what is changed in the file."""
    name = draw(st.sampled_from(sorted(METHODS)))
    channels = draw(st.sampled_from([1, 2, 3, 5])), draw(st.sampled_from([1, 3]))
    changes = draw(st.lists(st.sampled_from(CHANGES), max_size=2, unique=True))
    return name, draw(st.sampled_from(METHODS[name][2])), *channels, tuple(changes)


def changed(name: str, state: dict[str, Tensor], changes: tuple[str, ...]) -> dict[str, Tensor]:
    state = {key: value.clone() for key, value in state.items()}
    body = [key for key, value in state.items() if value.ndim == 4][3]
    head = METHODS[name][1]
    if "counters" in changes:
        state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    if "head" in changes and head:
        state = {key: value for key, value in state.items() if not key.startswith(head)}
    if "half" in changes:
        state = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    if "shape" in changes:
        state[body] = torch.ones(2, 2, 1, 1)
    if "missing" in changes:
        state.pop(body)
    if "others" in changes:
        state = {f"other.{at}.weight": torch.ones(7, 11) for at in range(3)}
    return state | {"more.weight": torch.ones(3)} if "extra" in changes else state


def stored(path: Path, name: str, state: dict[str, Tensor]) -> dict[str, str]:
    if name == "xing2020":  # the file of a VGG11, features alone
        state = {key: value for key, value in state.items() if not key.startswith(("attention", "head"))}
    save_file(state, path)
    return {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}


def fault_of(call) -> str:
    try:
        call()
    except BenchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("number", [10, pytest.param(150, marks=pytest.mark.slow)])
def test_what_the_check_accepts_is_loaded_and_what_it_refuses_is_refused(tmp_path, number):
    counts = {"loaded": 0, "refused": 0}
    logging.getLogger("timm").setLevel(logging.ERROR)

    @settings(max_examples=number, **FIXED)
    @given(cases())
    def each(case: tuple) -> None:
        name, task, channels, own, changes = case
        file = stored(tmp_path / "a.safetensors", name, changed(name, whole(name, channels, task), changes))
        method, shape = make("methods", name, {**METHODS[name][0], **file}), (own, 64, 64)
        refused = fault_of(method.check) or (method.refuses(task, shape) or "")
        fault = fault_of(lambda: method.build(task, shape))
        assert bool(refused) == bool(fault), (refused, fault)
        assert not fault or "a.safetensors" in refused
        counts["refused" if fault else "loaded"] += 1

    each()
    assert min(counts.values()) > number / 20
