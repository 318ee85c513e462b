"""Weights files of networks of other channels, or without counters of batches: checked and built alike."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bench.core import BenchError, Task
from bench.registry import make
from bench.weights import carry_over

TWO = Task("classification", "auc", ("a", "b"))
SMALL = {"stem_width": 8, "channels": (8, 16, 16, 16)}


def source(inputs: int, network: str = "resnet10t", **options: object) -> torch.nn.Module:
    """A network of timm for images of so many channels, with two outputs."""
    import timm

    torch.manual_seed(3)
    return timm.create_model(network, in_chans=inputs, num_classes=2, **options).eval()


def given(folder: Path, state: dict, network: str = "resnet10t", **options: object) -> dict:
    path = folder / "w.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"network": network, "options": options, "weights": str(path), "checksum": checksum}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_network_of_as_many_channels_as_its_file_has_exactly_its_first_layer(tmp_path, channels):
    made = source(channels, **SMALL)
    method = make("methods", "timm2d", given(tmp_path, made.state_dict(), **SMALL))
    method.check()
    built = method.build(TWO, (channels, 32, 32)).eval()
    x = torch.randn(2, channels, 32, 32)
    torch.testing.assert_close(built.forward_features(x), made.forward_features(x))


@pytest.mark.parametrize(("stored", "wanted"), [(1, 3), (3, 1), (2, 1), (1, 2), (4, 3)])
def test_a_first_layer_of_other_channels_answers_equal_channels_alike(tmp_path, stored, wanted):
    """Of images whose channels are equal: the sum of the first layer's weights over the channels is kept."""
    made = source(stored, **SMALL)
    method = make("methods", "timm2d", given(tmp_path, made.state_dict(), **SMALL))
    method.check()
    built = method.build(TWO, (wanted, 32, 32)).eval()
    first = [dict(model.named_parameters())["conv1.0.weight"].sum(1) for model in (built, made)]
    if wanted == 1 or stored == 1:
        torch.testing.assert_close(*first)
    torch.testing.assert_close(built.layer1[0].conv1.weight, made.layer1[0].conv1.weight)


def test_a_vision_transformer_of_one_channel_is_read(tmp_path):
    options = {"depth": 1, "embed_dim": 32, "num_heads": 2}
    made = source(1, "vit_tiny_patch16_224", **options, img_size=32)
    method = make("methods", "timm2d", given(tmp_path, made.state_dict(), "vit_tiny_patch16_224", **options))
    method.check()
    built = method.build(TWO, (1, 32, 32)).eval()
    torch.testing.assert_close(built.patch_embed.proj.weight, made.patch_embed.proj.weight)


def test_counters_of_batches_may_be_missing(tmp_path):
    made = source(1, **SMALL)
    state = {name: value for name, value in made.state_dict().items() if "num_batches" not in name}
    assert len(state) < len(made.state_dict())
    method = make("methods", "timm2d", given(tmp_path, state, **SMALL))
    method.check()
    built = method.build(TWO, (1, 32, 32)).eval()
    x = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(built.forward_features(x), made.forward_features(x))
    assert carry_over(source(1, **SMALL), tmp_path / "w.safetensors", strict=True).left == ""


def test_a_running_mean_may_not_be_missing(tmp_path):
    state = source(1, **SMALL).state_dict()
    state.pop("bn1.running_mean")
    with pytest.raises(BenchError, match=r"missing: bn1\.running_mean"):
        make("methods", "timm2d", given(tmp_path, state, **SMALL)).check()


def test_xing_says_at_the_check_that_a_file_holds_another_network(tmp_path):
    params = given(tmp_path, source(3, **SMALL).state_dict())
    with pytest.raises(BenchError, match=r"does not hold .* VGG11"):
        make("methods", "xing2020", {key: params[key] for key in ("weights", "checksum")}).check()
