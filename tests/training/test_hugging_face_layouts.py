"""Files of Hugging Face's DINOv2 and ViT begin networks here that give the same tokens, in their old and new names.

tests/golden/transformers_networks.json has names and shapes of transformers' networks of two blocks, and the first
numbers of the class token that transformers itself computed with the numbers of `published_files.filled`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from published_files import file_params, filled, prefixed

from bench.core import Task
from bench.registry import make
from bench.weights import carried_by
from bench.weights.weights_conversion import inspect

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/transformers_networks.json").read_text())["networks"]
NETWORKS = {
    "dinov2": "vit_small_patch14_dinov2",
    "registers": "vit_small_patch14_reg4_dinov2",
    "vit": "vit_tiny_patch16_224",
}
BEFORE = {  # names of transformers 5 -> of the files that were published before
    "attention.q_proj": "attention.attention.query",
    "attention.k_proj": "attention.attention.key",
    "attention.v_proj": "attention.attention.value",
    "attention.o_proj": "attention.output.dense",
}
BEFORE_VIT = {"layers.": "encoder.layer.", "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense"}


def published(kind: str, old: bool) -> dict[str, torch.Tensor]:
    """The tensors of a network under the names of today or of before."""
    state = filled(GOLDEN[kind]["shapes"])
    names = {**BEFORE, **(BEFORE_VIT if kind == "vit" else {})} if old else {}
    for new, former in names.items():
        state = {name.replace(new, former): value for name, value in state.items()}
    return state


@pytest.mark.parametrize("old", [False, True], ids=["new names", "old names"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_tokens_are_those_of_transformers(kind, old, written):
    inspected = inspect(written(prefixed(published(kind, old), "vit." if kind == "vit" else "")))
    assert inspected.arm == ("timm2d", {"network": NETWORKS[kind]})
    model = timm.create_model(NETWORKS[kind], depth=2, num_classes=0).eval()
    model.load_state_dict(inspected.tensors, strict=True)
    size = GOLDEN[kind]["size"]
    with torch.no_grad():
        tokens = model.forward_features(torch.linspace(-1, 1, 3 * size * size).reshape(1, 3, size, size))
    torch.testing.assert_close(tokens[0, 0, :6], torch.tensor(GOLDEN[kind]["outputs"]), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("kind", NETWORKS)
def test_they_begin_a_network_for_images_of_another_size(kind, written, tmp_path):
    method, params = file_params(written(published(kind, True)), tmp_path / "o.safetensors")
    model = make("methods", method, {**params, "options": {"depth": 2}, "train": "head"}).build(
        Task("classification", "auc", ("a", "b")), (1, 56, 42)
    )
    (carried,) = carried_by(model).values()
    assert set(carried.missing) == {"head.weight", "head.bias"}
    assert not carried.unused
