"""Networks of timm: identical to timm's, fitted to the images, with weights from local files."""

from __future__ import annotations

import hashlib

import pytest
import torch
from learnable_methods import SMALL, TWO, batch_of
from safetensors.torch import save_file

from bench.core import BenchError
from bench.registry import make

VIT = {"depth": 1, "embed_dim": 32, "num_heads": 2}
ROWS = ("resnet50", "convnext_tiny", "deit_small_patch16_224", "swin_tiny_patch4_window7_224", "caformer_s18")
ROWS = (*ROWS, "mobilenetv2_100", "efficientnet_b0", "vgg11")


def timm_own(network, **arguments):
    """timm's own network, its weights from seed 0."""
    import timm

    torch.manual_seed(0)
    return timm.create_model(network, **arguments)


def saved_weights(tmp_path, state):
    """The parameters that name a file with these weights."""
    path = tmp_path / "w.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.mark.parametrize("network", ["resnet10t", "convnext_atto", "vit_tiny_patch16_224"])
def test_a_network_of_timm_is_timms_own(network):
    sizes = {"img_size": (32, 48)} if "vit" in network else {}
    theirs = timm_own(network, in_chans=2, num_classes=2, **sizes).eval()
    torch.manual_seed(0)
    ours = make("methods", "timm2d", {"network": network}).build(TWO, (2, 32, 48)).eval()
    assert sum(one.numel() for one in ours.parameters()) == sum(one.numel() for one in theirs.parameters())
    x = torch.randn(2, 2, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)


def test_the_drawn_output_layer_can_begin_smaller_and_that_of_a_file_stays(tmp_path):
    params = {"network": "mobilenetv3_small_050"}
    file = saved_weights(tmp_path, timm_own("mobilenetv3_small_050", in_chans=3, num_classes=2).state_dict())
    heads = []
    for more in ({}, {"head_scale": 0.25}, file, {**file, "head_scale": 0.25}):
        torch.manual_seed(0)
        heads.append(make("methods", "timm2d", {**params, **more}).build(TWO, (3, 64, 64)).classifier.weight)
    own, smaller, of_file, kept = heads
    torch.testing.assert_close(smaller, own / 4, rtol=0, atol=0)
    torch.testing.assert_close(kept, of_file, rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 110, 91)])
@pytest.mark.parametrize("network", [*ROWS, "vit_small_patch14_dinov2", "vit_base_patch32_clip_224"])
def test_the_papers_likely_rows_take_a_step_with_every_weight(network, shape):
    method = make("methods", "timm2d", {"network": network})
    assert method.refuses(TWO, shape) is None
    model = method.build(TWO, shape).train()
    method.step(model, batch_of(method, TWO, shape, 2)).mean().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


@pytest.mark.parametrize("network", ["vit_small_patch14_dinov2", "vit_xsmall_patch16_clip_224"])
@pytest.mark.parametrize("train", ["head", "all"])
def test_a_foundation_model_from_a_file_is_an_ordinary_arm(network, train, tmp_path):
    """DINOv2 at 518 pixels, a CLIP tower at 224: positions and first layer fitted to small images of one channel."""
    from timm.layers import resample_abs_pos_embed

    source = timm_own(network, **VIT)
    params = {"network": network, "options": VIT, "train": train, **saved_weights(tmp_path, source.state_dict())}
    method = make("methods", "timm2d", params)
    method.check()
    model = method.build(TWO, (1, 42, 48))
    first, patch = source.patch_embed.proj, source.patch_embed.patch_size[0]
    torch.testing.assert_close(model.patch_embed.proj.weight, first.weight.sum(1, keepdim=True))
    torch.testing.assert_close(model.blocks[0].mlp.fc1.weight, source.blocks[0].mlp.fc1.weight)
    grid = [-(-size // patch) for size in (42, 48)]
    positions = resample_abs_pos_embed(source.pos_embed, grid, num_prefix_tokens=1)
    torch.testing.assert_close(model.pos_embed, positions)
    method.step(model, batch_of(method, TWO, (1, 42, 48), 2)).mean().backward()
    learnt = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert (learnt == {"head.weight", "head.bias"}) == (train == "head")


def test_the_first_layer_is_repeated_for_nine_channels_and_the_head_is_new(tmp_path):
    source = timm_own("resnet10t", **SMALL["options"])
    params = {**SMALL, **saved_weights(tmp_path, source.state_dict())}
    model = make("methods", "timm2d", params).build(TWO, (9, 32, 32))
    torch.testing.assert_close(model.conv1[0].weight, source.conv1[0].weight.repeat(1, 3, 1, 1) / 3)
    assert model.fc.weight.shape == (2, 48)


def first_layer_missing(state):
    state.pop("conv1.0.weight")


def other_layer(state):
    state["layer3.0.conv2.weight"] = state["layer3.0.conv2.weight"][:, :5]


def one_less(state):
    state.pop("layer2.0.bn1.weight")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (first_layer_missing, "conv1.0.weight"),
        (other_layer, "layer3.0.conv2.weight"),
        (one_less, "layer2.0.bn1.weight"),
    ],
)
def test_weights_that_do_not_fit_are_named_before_a_study(damage, says, tmp_path):
    state = timm_own("resnet10t", **SMALL["options"]).state_dict()
    damage(state)
    with pytest.raises(BenchError, match=says):
        make("methods", "timm2d", {**SMALL, **saved_weights(tmp_path, state)}).check()


def test_weights_of_a_wider_network_are_refused_with_the_tensor(tmp_path):
    given = saved_weights(tmp_path, timm_own("resnet10t", channels=(8, 8, 8, 8), stem_width=4).state_dict())
    with pytest.raises(
        BenchError, match=r"of another shape: conv1\.0\.weight is 3 x 3 x 3 x 3, not .* and \d+ more"
    ) as values:
        make("methods", "timm2d", {"network": "resnet10t", **given}).check()
    assert "torch.Size" not in str(values.value)


@pytest.mark.parametrize("name", ["timm2d", "timm3d", "slices", "fuseme", "weighted_pooling"])
def test_a_file_of_another_network_or_cut_short_or_pickled_is_refused(name, tmp_path):
    given = saved_weights(tmp_path, timm_own("resnet10t", channels=(8, 8, 8, 8), stem_width=4).state_dict())
    params = {"network": "resnet18"} if name == "timm3d" else SMALL
    with pytest.raises(BenchError, match="does not hold the weights of resnet"):
        make("methods", name, {**params, **given}).check()
    path = tmp_path / "w.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(BenchError, match="not a complete safetensors file"):
        make("methods", name, {**params, **given}).check()
    torch.save({}, path)  # a pickle under another name
    with pytest.raises(BenchError, match="is a pickle under another name"):
        make("methods", name, {**params, **given}).check()
    torch.save({}, tmp_path / "w.pt")
    with pytest.raises(BenchError, match="other formats can run code"):
        make("methods", name, {**params, "weights": str(tmp_path / "w.pt")}).check()
