"""Evaluation as a graph: the outputs of the usual way, with the weights of the moment."""

from __future__ import annotations

import pytest
import torch
from step_recorder import RecorderSource
from torch import nn

from bench.training.capture.captured_forward import CapturedForward


class Reads(nn.Module):
    """A network that reads a number of its input."""

    def forward(self, x):
        return x * (2 if x.sum() > 0 else 1)


class Counts(nn.Module):
    """A network whose output depends on how often it was called."""

    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return x * self.calls


def test_a_shape_that_comes_again_is_replayed_with_the_weights_of_the_moment():
    torch.manual_seed(0)
    source, model = RecorderSource(), nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    forward = CapturedForward(model, source).eval()
    with torch.inference_mode():
        for number in range(5):
            x = torch.randn(6, 4)
            kept = forward(x)
            assert torch.equal(kept, model(x))
            forward(torch.randn(2, 4))
            assert torch.equal(kept, model(x))  # a later call does not write into an earlier output
            model[0].weight.fill_(0.5 * number)
    assert source.captures == 2
    assert source.replays == 2 * (1 + 3)
    assert forward.facts() == {"evaluation_graphs": 2}


@pytest.mark.parametrize(("model", "reason"), [(Reads(), "waits for the device"), (Counts(), "differ by")])
def test_what_cannot_be_captured_is_called_in_the_usual_way(model, reason):
    forward = CapturedForward(model, RecorderSource())
    with torch.inference_mode():
        for _ in range(4):
            assert forward(torch.ones(2, 2)).shape == (2, 2)
    assert forward.facts()["evaluation_graphs"] == 0
    assert reason in forward.facts()["evaluation"]
