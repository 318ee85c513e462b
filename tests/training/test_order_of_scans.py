"""A network whose answers depend on the order or the company of the scans is recognised; rounding is none."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from torch import nn

from bench.data.loader import Normaliser, Part
from bench.report.order_caution import order_matters
from bench.training.order_check import depends_on_order


class Counting(nn.Linear):
    """It answers with the number of scans that it has seen."""

    seen = 0

    def forward(self, x):
        places = torch.arange(len(x)) + self.seen
        self.seen += len(x)
        return torch.stack([-places, places], 1).float()


class Company(nn.Linear):
    """It standardises each batch by itself, as a batch norm does that was left in training."""

    def forward(self, x):
        y = super().forward(x.flatten(1))
        return (y - y.mean(0)) / y.std(0)


class Alone(nn.Linear):
    """It answers each scan by itself."""

    def forward(self, x):
        return super().forward(x.flatten(1))


@pytest.mark.parametrize(("network", "depends"), [(Counting, True), (Company, True), (Alone, False)])
@pytest.mark.parametrize("count", [4, 16, 40])
def test_only_answers_that_depend_on_other_scans_are_recognised(network, depends, count):
    torch.manual_seed(0)
    array = np.random.default_rng(0).normal(size=(count, 1, 4, 4)).astype(np.float32)
    part = Part(array, np.arange(count), np.zeros(count), Normaliser.none(1))
    assert depends_on_order(network(16, 2), part, 16, contextlib.nullcontext()) is depends


def test_one_scan_has_no_order():
    part = Part(np.ones((1, 1, 4, 4), np.float32), np.arange(1), np.zeros(1), Normaliser.none(1))
    assert depends_on_order(Alone(16, 2), part, 16, contextlib.nullcontext()) is False


def test_the_report_names_the_arms(monkeypatch):
    from types import SimpleNamespace

    runs = {"a": {}, "b": {"order_matters": True}}
    section = SimpleNamespace(
        arms=tuple(runs),
        of=lambda arm: [SimpleNamespace(done=True, record=SimpleNamespace(resolved=runs[arm]))],
    )
    assert order_matters(section).startswith("The answers of b to a test scan depend on the order")
    runs["b"] = {}
    assert order_matters(section) == ""
