"""Files of torchvision's networks begin networks here that give the same outputs, whatever is wrapped around them.

tests/golden/torchvision_networks.json has names and shapes of torchvision's networks, and the first outputs that
torchvision itself computed with the numbers of `published_files.filled`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import timm
import torch
from published_files import filled, prefixed, resnet2d, some
from safetensors.torch import save_file

from bench.core import BenchError, Task
from bench.registry import make
from bench.weights.weights_conversion import inspect
from bench.weights.weights_file import sha256

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/torchvision_networks.json").read_text())["networks"]


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("convnext_tiny", "convnext_tiny"),
        ("swin_t", "swin_tiny_patch4_window7_224"),
        ("efficientnet_b0", "efficientnet_b0"),
        ("mobilenet_v2", "mobilenetv2_100"),
        pytest.param("vit_b_16", "vit_base_patch16_224", marks=pytest.mark.slow),
    ],
)
def test_outputs_are_those_of_torchvision(name, network, written):
    inspected = inspect(written(filled(GOLDEN[name]["shapes"])))
    assert inspected.layout.name.startswith("torchvision")
    assert inspected.arm == ("timm2d", {"network": network})
    model = timm.create_model(network).eval()
    left = model.load_state_dict(inspected.tensors, strict=False)
    assert not left.unexpected_keys
    assert all(each.endswith("num_batches_tracked") for each in left.missing_keys)
    with torch.no_grad():
        outputs = model(torch.linspace(-1, 1, 3 * 224 * 224).reshape(1, 3, 224, 224))
    torch.testing.assert_close(outputs[0, :6], torch.tensor(GOLDEN[name]["outputs"]), rtol=2e-3, atol=2e-4)


def test_what_a_layout_leaves_out_of_a_part_that_it_keeps_is_named(written):
    state = filled(GOLDEN["swin_t"]["shapes"])
    state |= {"features.1.0.attn.relative_position_index": torch.zeros(2401, dtype=torch.int64)}
    assert "left out: relative_position_index" in inspect(written(state)).lines()


def test_a_published_densenet_has_other_names_than_the_network(written):
    own = timm.create_model("densenet121").state_dict()
    published = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): each for name, each in own.items()}
    assert set(published) != set(own)
    inspected = inspect(written(published))
    assert inspected.arm == ("timm2d", {"network": "densenet121"})
    assert set(inspected.tensors) == set(own)


@pytest.mark.parametrize("network", ["resnext50_32x4d", "wide_resnet50_2", "resnet50"])
def test_kinds_of_bottlenecks_are_told_apart(network, written):
    assert inspect(written(timm.create_model(network).state_dict())).arm == ("timm2d", {"network": network})


@pytest.mark.parametrize("prefix", ["model.", "backbone.", "encoder_q.", "module.encoder_q.", "student.backbone."])
def test_what_a_training_puts_before_the_names_and_beside_them_is_left_out(prefix, written):
    beside = {f"{prefix.partition('.')[0]}.queue": (2, 2)} if prefix.startswith("module.") else {"queue": (2, 2)}
    inspected = inspect(written({"state_dict": prefixed(resnet2d(), prefix) | some(beside)}))
    assert inspected.arm == ("timm2d", {"network": "resnet18"})
    assert set(inspected.tensors) == set(resnet2d())
    assert any("queue" in line for line in inspected.lines() if line.startswith("left out"))


def test_a_part_of_a_network_is_refused_by_what_it_lacks(written):
    state = some({"_conv_stem.weight": (8, 3, 3, 3), "_blocks.0._depthwise_conv.weight": (8, 1, 3, 3)})
    with pytest.raises(BenchError, match=r"begins like EfficientNet-PyTorch, but is no complete.*_project_conv"):
        inspect(written(state))
    whole = {name: each for name, each in filled(GOLDEN["mobilenet_v2"]["shapes"]).items() if ".17." not in name}
    with pytest.raises(BenchError, match="begins like torchvision MobileNetV2"):
        inspect(written(whole))


def test_a_small_file_does_not_fill_the_memory(written):
    state = {**resnet2d(), "more": torch.zeros(1).expand(1000, 1000, 1000, 100)}
    inspected = inspect(written(state))
    assert "more" not in inspected.tensors
    assert "left out: more (fewer numbers, repeated)" in inspected.lines()


def test_a_file_of_other_names_is_refused_in_one_line(tmp_path, caplog):
    file = tmp_path / "other.safetensors"
    save_file(prefixed(resnet2d(), "trunk."), file)
    method = make("methods", "timm2d", {"network": "resnet18", "weights": str(file), "checksum": sha256(file)})
    with pytest.raises(BenchError, match="does not hold the weights of resnet18: missing"):
        method.build(Task("classification", "auc", ("a", "b")), (1, 64, 64))
    assert not caplog.records
