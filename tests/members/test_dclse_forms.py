"""Forms of DCL-SE drawn from all of its switches: each is built, learns with every weight, and answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.core import Task
from bench.method import Batch
from bench.registry import make
from bench.views import effective
from dclse.architecture import POSITIONS

SWITCHES = {
    "dgm_ratio": [1, 2, 4],
    "dgm_groups": [1, 2, 4],
    "gpconv": ["fixed", "dynamic"],
    "gpconv_rest": ["ones", "eye"],
    "gpconv_penalty": [0.0, 0.1],
    "attention": [True, False],
    "pointwise": [True, False],
    "second_branch": [True, False],
    "auxiliary": [True, False],
    "fusion": ["last", "attention"],
    "dcl": ["none", "ramp", "cur", "residual"],
    "dcl_reading": ["conditional", "corrected", "union"],
    "dcl_sets": ["soft", "hard"],
    "dcl_temperature": [0.5, -0.5],
    "masks": ["slabs", "projection"],
    "window": [0, 16],
    "learn_pooling": [True, False],
}
VIEWS = [
    {},
    {"view": "mean"},
    {"view": {"kind": "dynamic", "plane": "all"}},
    {"view": "volume", "pooling": {"kind": "dynamic", "plane": "coronal", "slab": 9, "stride": 5}},
]
TASKS = {
    "classes": Task("classification", "auc", ("a", "b", "c")),
    "numbers": Task("regression", "mae"),
    "masks": Task("segmentation", "dice", ("rest", "artery")),
}
SHAPES = [(1, 21, 36, 33), (2, 37, 45)]


def drawn(number: int) -> dict:
    """A form of the method: a value of every switch, a subset of the positions, a view."""
    rng = np.random.default_rng(number)
    params = {name: values[rng.integers(len(values))] for name, values in SWITCHES.items()}
    params["dgm"] = tuple(name for name in POSITIONS if rng.random() < 0.6)
    if not params["auxiliary"]:
        params["dcl"] = "none"
    return {**params, **VIEWS[rng.integers(len(VIEWS))]}


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("number", range(8))
def test_every_weight_of_a_form_that_was_drawn_gets_a_gradient(number, kind):
    method, task, shape = make("methods", "dclse", drawn(number)), TASKS[kind], SHAPES[number % 2]
    if reason := method.refuses(task, shape):
        assert len(shape) == 3
        assert "pools the slices of volumes" in reason
        return
    torch.manual_seed(0)
    x = effective(method.view_for(task), shape)(torch.rand(3, *shape), (2.0,) * (len(shape) - 1))
    x = (x - x.mean()) / x.std()
    y = {"classification": torch.arange(3), "regression": torch.randn(3)}
    y = y.get(task.kind, torch.randint(2, (3, *shape[1:])))
    model = method.build(task, tuple(x.shape[1:])).train()
    fixed = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert all("weights." in name and not method.learn_pooling for name in fixed)  # of the slices, where they stay
    losses = method.step(model, Batch(x, y, torch.arange(3), task, progress=0.4))
    losses.mean().backward()
    idle = {
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()
    }
    assert idle == fixed
    with torch.no_grad():
        answer = model.eval()(x)
    assert answer.shape == ((3, task.outputs, *shape[1:]) if kind == "masks" else (3, task.outputs))
    assert answer.isfinite().all()
