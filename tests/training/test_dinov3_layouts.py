"""Files of Hugging Face's DINOv3 begin networks here that give the same tokens, in their old and new names.

tests/golden/transformers_networks.json has names and shapes of transformers' networks (transformers of two blocks) and
the first numbers of the pooled output that transformers itself computed with 4 times the numbers of
`published_files.filled`.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import timm
import torch
from published_files import file_params, filled

from bench.core import BenchError, Task
from bench.registry import make
from bench.weights import carried_by
from bench.weights.dinov3_layouts import dinov3_network
from bench.weights.weights_conversion import inspect

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/transformers_networks.json").read_text())["networks"]
NETWORKS = {
    "dinov3": ("vit_small_patch16_dinov3_qkvb", {"depth": 2, "global_pool": "token"}),
    "dinov3_no_biases": ("vit_small_patch16_dinov3", {"depth": 2, "global_pool": "token"}),
    "dinov3_gated": ("vit_small_plus_patch16_dinov3_qkvb", {"depth": 2, "global_pool": "token"}),
    "dinov3_convnext": ("convnext_tiny", {}),
}
TWO = Task("classification", "auc", ("a", "b"))


def published(kind: str, old: bool = False) -> dict[str, torch.Tensor]:
    """The tensors of a network under the names of today or of before."""
    state = {name: 4 * value for name, value in filled(GOLDEN[kind]["shapes"]).items()}
    return {name.removeprefix("model."): value for name, value in state.items()} if old else state


def pooled(network: str, options: dict, state: dict[str, torch.Tensor], size: int) -> torch.Tensor:
    model = timm.create_model(network, num_classes=0, **options).eval()
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        return model(torch.linspace(-1, 1, 3 * size * size).reshape(1, 3, size, size))[0, :6]


@pytest.mark.parametrize("old", [False, True], ids=["new names", "old names"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_outputs_are_those_of_transformers(kind, old, written):
    inspected = inspect(written(published(kind, old)))
    network, options = NETWORKS[kind]
    assert inspected.arm == ("timm2d", {"network": network})
    assert not [line for line in inspected.lines() if line.startswith("left out") and line != "left out: mask_token"]
    outputs = pooled(network, options, inspected.tensors, GOLDEN[kind]["size"])
    torch.testing.assert_close(outputs, torch.tensor(GOLDEN[kind]["outputs"]), rtol=1e-4, atol=2e-5)


def test_biases_that_are_zero_throughout_are_left_out_and_change_nothing(written):
    state = published("dinov3_no_biases")
    for name in [name for name in state if name.endswith(("q_proj.weight", "v_proj.weight", "k_proj.weight"))]:
        state[name.replace("weight", "bias")] = torch.zeros(384)
    inspected = inspect(written(state))
    network, options = NETWORKS["dinov3_no_biases"]
    assert inspected.arm == ("timm2d", {"network": network})
    outputs = pooled(network, options, inspected.tensors, 64)
    torch.testing.assert_close(outputs, torch.tensor(GOLDEN["dinov3_no_biases"]["outputs"]), rtol=1e-4, atol=2e-5)


def test_the_smallest_transformer_has_biases_of_zero(written):
    state = {name: value[:192] for name, value in published("dinov3_no_biases").items() if value.ndim == 1}
    state |= {name: value[..., :192] for name, value in published("dinov3_no_biases").items() if value.ndim == 3}
    state |= {name: value[:192] for name, value in published("dinov3_no_biases").items() if value.ndim == 4}
    for name, value in published("dinov3_no_biases").items():
        if value.ndim == 2:
            state[name] = value[: value.shape[0] // 2, : value.shape[1] // 2]
        if name.endswith("up_proj.bias"):
            state[name] = value[: value.shape[0] // 2]
        if name.endswith(("q_proj.weight", "v_proj.weight")):
            state[name.replace("weight", "bias")] = torch.zeros(192)
    inspected = inspect(written(state))
    assert inspected.arm == ("timm2d", {"network": "vit_tiny_patch16_dinov3_qkvb"})
    timm.create_model("vit_tiny_patch16_dinov3_qkvb", depth=2, num_classes=0).load_state_dict(inspected.tensors)


def test_keys_with_biases_are_refused_as_no_network_here_has_them(written):
    state = published("dinov3")
    state["model.layer.1.attention.k_proj.bias"] = torch.ones(384)
    with pytest.raises(BenchError, match=r"begins like DINOv3 of Hugging Face .*: biases of keys"):
        inspect(written(state))


@pytest.mark.parametrize("kind", NETWORKS)
def test_they_begin_a_network_for_images_of_another_size(kind, written, tmp_path):
    method, params = file_params(written(published(kind)), tmp_path / "o.safetensors")
    options = {name: value for name, value in NETWORKS[kind][1].items() if name == "depth"}
    made = make("methods", method, {**params, "options": options, "train": "head"})
    model = made.build(TWO, (1, 80, 61))
    (carried,) = carried_by(model).values()
    assert all(name.startswith(("head.fc", "head.weight", "head.bias")) for name in carried.missing)
    assert not carried.unused
    assert made.build(TWO, (1, 80, 61)).eval()(torch.randn(2, 1, 80, 61)).shape == (2, 2)


@pytest.mark.parametrize("kind", ["dinov3", "dinov3_no_biases", "dinov3_gated"])
def test_files_of_the_authors_begin_the_same_networks(kind, written, tmp_path):
    state = dict(inspect(written(published(kind))).tensors)
    for name in [name for name in state if name.endswith("q_bias")]:
        query, value = state.pop(name), state.pop(name.replace("q_bias", "v_bias"))
        state[name.replace("q_bias", "qkv.bias")] = torch.cat([query, torch.zeros_like(query), value])
    theirs = {"reg_token": "storage_tokens", "gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma"}
    if kind == "dinov3_gated":
        theirs |= {"mlp.fc1_g": "mlp.w1", "mlp.fc1_x": "mlp.w2", "mlp.fc2": "mlp.w3"}
    for own, name in theirs.items():
        state = {key.replace(own, name): value for key, value in state.items()}
    path = written(state | {"mask_token": torch.zeros(1, 384), "rope_embed.periods": torch.ones(16)})
    method, params = file_params(path, tmp_path / "o.safetensors")
    assert params["network"] == NETWORKS[kind][0]
    made = make("methods", method, {**params, "options": {"depth": 2}, "train": "head"})
    (carried,) = carried_by(made.build(TWO, (3, 64, 64))).values()
    assert set(carried.missing) == {"head.weight", "head.bias"}


def test_every_name_is_one_of_timm():
    known = timm.list_models("*dinov3*")
    sizes = itertools.product((192, 384, 768, 1024, 1280, 4096), (16,), (False, True), (False, True))
    names = {dinov3_network(*size) for size in sizes}
    assert names - {None} == set(known)
    assert dinov3_network(100, 16, False, False) is None
