"""Distillation losses that compare the scans of a batch have the weight that was published for batches of 64."""

from __future__ import annotations

import learnable_methods
import pytest
import torch

from bench.core import Task
from bench.method import Batch, Outputs
from bench.registry import make

THREE = Task("classification", "auc", ("a", "b", "c"))
SMALL = {"student_params": learnable_methods.SMALL, "teacher_params": {"network": "resnet10"}}


def lesson(loss, **more):
    """A method, its untrained model and a batch of six scans with the outputs of a teacher."""
    method = make("methods", "distil", {"loss": loss, **SMALL, **more})
    torch.manual_seed(0)
    model, x = method.build(THREE, (3, 32, 32)).eval(), torch.randn(6, 3, 32, 32)
    teacher = Outputs(torch.randn(6, 3), torch.randn(6, 7), torch.rand(6, 2, 3, 2))
    return method, model, Batch(x, torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6), THREE, upstream=[teacher])


@pytest.mark.parametrize(("loss", "published"), [("similarity_preserving", 3000), ("rkd", 1), ("pkt", 30000)])
def test_a_loss_between_scans_weighs_by_the_batch_as_in_the_batches_of_64_of_its_paper(loss, published):
    method, model, batch = lesson(loss, label_weight=0.0)
    unscaled = lesson(loss, label_weight=0.0, batch_scaled=False)[0]
    assert method.weight == published
    torch.testing.assert_close(method.step(model, batch), unscaled.step(model, batch) * 6 / 64)


def test_a_loss_of_single_scans_keeps_its_weight():
    method, model, batch = lesson("kd")
    unscaled = lesson("kd", batch_scaled=False)[0]
    torch.testing.assert_close(method.step(model, batch), unscaled.step(model, batch))
