"""The first weights of an output layer can be made smaller, where no file has them."""

from __future__ import annotations

import pytest
import torch
from learnable_methods import TWO

from bench.core import BenchError
from bench.registry import make

FLAT, DEEP = (3, 64, 64), (1, 33, 33, 33)


@pytest.mark.parametrize(
    ("method", "params", "shape", "head"),
    [
        ("timm2d", {"network": "mobilenetv3_small_050"}, FLAT, "classifier"),
        ("monai3d", {"network": "EfficientNetBN", "options": {"model_name": "efficientnet-b0"}}, DEEP, "_fc"),
        ("monai3d", {"network": "DenseNet121"}, DEEP, "class_layers.out"),
    ],
)
def test_the_drawn_output_layer_begins_at_a_multiple_of_its_weights(method, params, shape, head):
    weights = []
    for scale in (1.0, 0.25, 0.0):
        torch.manual_seed(0)
        model = make("methods", method, {**params, "head_scale": scale}).build(TWO, shape)
        weights.append(model.get_parameter(f"{head}.weight"))
    own, smaller, none = weights
    torch.testing.assert_close(smaller, own / 4, rtol=0, atol=0)
    assert own.any()
    assert not none.any()


def test_first_answers_are_far_smaller_than_those_that_an_efficientnet_of_timm_gives():
    answers = []
    for scale in (1.0, 0.0):
        torch.manual_seed(0)
        model = make("methods", "timm2d", {"network": "efficientnet_b0", "head_scale": scale}).build(TWO, FLAT)
        answers.append(model(torch.randn(8, *FLAT)).abs().max().item())
    assert answers[0] > 1
    assert answers[1] == 0


def test_a_negative_scale_is_refused():
    with pytest.raises(BenchError, match="head_scale"):
        make("methods", "monai3d", {"head_scale": -1.0})
