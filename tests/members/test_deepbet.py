"""The network of deepbet: sizes, and the tensors that its published file has."""

from __future__ import annotations

import pytest
import torch

from baselines._deepbet_network import Classifier, Segmenter
from bench.weights.published_layouts import recognised


@pytest.mark.parametrize("sizes", [(9, 18, 17), (33, 40, 65), (64, 32, 32)])
def test_masks_have_the_size_of_the_scan_whatever_it_is(sizes):
    with torch.no_grad():
        assert Segmenter(1, 3).train()(torch.randn(1, 1, *sizes)).shape == (1, 3, *sizes)


def test_the_network_has_as_many_tensors_and_numbers_as_the_published_file():
    state = Segmenter(1, 2).state_dict()
    assert len(state) == 38
    assert sum(tensor.numel() for tensor in state.values()) == 2_126_258
    assert recognised(state).arm(state) == ("deepbet3d", {})


def test_the_encoder_for_classes_has_the_layers_of_the_one_for_masks():
    classes, masks = (made.state_dict() for made in (Classifier(1, 2), Segmenter(1, 2)))
    encoder = {name for name in masks if name.startswith(("init", "down"))}
    assert set(classes) == encoder | {"head.weight", "head.bias"}
    assert all(classes[name].shape == masks[name].shape for name in encoder)
