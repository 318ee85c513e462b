"""Layouts of published networks are recognised, and their tensors begin the network of the arm that is printed."""

from __future__ import annotations

import pytest
import torch
from authors_network import authors_network
from published_files import efficientnet, file_params, prefixed, radimagenet, resnet2d, resnet3d, some
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.core import Task
from bench.registry import make
from bench.weights import carried_by
from bench.weights.weights_conversion import convert, inspect

TWO = Task("classification", "auc", ("a", "b"))


def test_resnets_of_volumes_are_recognised_with_the_options_that_they_need(written):
    cases = {
        "3D-Neuro-SimCLR": (
            prefixed(resnet3d(layers=[2, 2, 2, 2]), "encoder.") | some({"projector.0.weight": (2, 2)}),
            {},
        ),
        "BrainIAC, version 1": (prefixed(resnet3d(), "backbone."), {}),
        "3D ResNet": (resnet3d(bias_downsample=True, feed_forward=True, num_classes=2), {}),
        "MedicalNet": (prefixed(resnet3d(shortcut_type="A"), "module."), {"shortcut_type": "A"}),
    }
    for name, (state, options) in cases.items():
        inspected = inspect(written({"model_state_dict": state}))
        assert inspected.layout.name.startswith(name)
        method, params = inspected.arm
        assert method == "monai3d"
        assert params["network"] == ("resnet18" if "SimCLR" in name else "resnet10")
        assert options.items() <= params.get("options", {}).items()
        assert {"conv1.weight", "layer4.0.conv2.weight"} <= set(inspected.tensors)
        assert not any(key.startswith("projector") for key in inspected.tensors)


def test_a_converted_resnet_of_volumes_is_the_one_that_was_published(tmp_path, written):
    state = resnet3d()
    convert(written({"state_dict": prefixed(state, "module.")}), tmp_path / "out.safetensors")
    assert {name: value.tolist() for name, value in load_file(tmp_path / "out.safetensors").items()} == {
        name: value.tolist() for name, value in state.items()
    }


def test_a_transformer_of_brainiac_begins_one_of_another_grid(written, tmp_path):
    from monai.networks.nets import ViT

    vit = ViT(1, (48, 48, 48), (16, 16, 16), hidden_size=64, mlp_dim=128, num_layers=2, num_heads=1)
    state = prefixed(vit.state_dict(), "backbone.") | some({"backbone.blocks.0.cross_attn.q.weight": (2, 2)})
    method, params = file_params(
        written({"state_dict": state, "hyper_parameters": {"lr": 0.1}}), tmp_path / "o.safetensors"
    )
    model = make("methods", method, {**params, "train": "head"})
    model.check()
    (carried,) = carried_by(model.build(TWO, (1, 32, 32, 48))).values()
    assert {name for name in carried.missing if "cross_attn" not in name} == {
        "cls_token",
        "classification_head.weight",
        "classification_head.bias",
    }
    assert len(carried.adapted) == 1
    assert not carried.unused


def test_encoders_of_swin_unetr_and_monais_own_file_begin_the_network_for_masks(written, tmp_path):
    from monai.networks.nets import SwinUNETR

    swin = SwinUNETR(1, 2, feature_size=12)
    masks = Task("segmentation", "dice", ("rest", "a"))
    encoder = {
        name.removeprefix("swinViT."): value for name, value in swin.state_dict().items() if name.startswith("swinViT")
    }
    encoder = {name.replace("mlp.linear", "mlp.fc"): value for name, value in encoder.items()}
    files = {
        "whole": swin.state_dict(),
        "monai": prefixed(encoder, "module.") | some({"module.norm.weight": (4,)}),
        "ssl": prefixed(swin.swinViT.state_dict(), "swinViT.") | some({"rotation_head.weight": (4, 4)}),
    }
    for name, state in files.items():
        method, params = file_params(written({"state_dict": state}), tmp_path / f"{name}.safetensors")
        assert (method, params["network"], params["width"]) == ("monaiseg", "SwinUNETR", 12)
        model = make("methods", method, params).build(masks, (1, 64, 32, 32))
        (carried,) = carried_by(model).values()
        assert set(model.network.swinViT.state_dict()) == {
            key.removeprefix("swinViT.") for key in carried.taken if key.startswith("swinViT.")
        }
        assert torch.equal(
            model.network.swinViT.layers1[0].blocks[0].mlp.linear1.weight,
            swin.swinViT.layers1[0].blocks[0].mlp.linear1.weight,
        )


def test_the_encoder_of_swin_unetr_begins_a_network_for_classes(written, tmp_path):
    from monai.networks.nets import SwinUNETR

    swin = SwinUNETR(1, 2, feature_size=12)
    _, params = file_params(written(swin.state_dict()), tmp_path / "o.safetensors")
    given = {"network": "SwinEncoder", "options": {"feature_size": 12}, "weights": params["weights"]}
    method = make("methods", "monai3d", {**given, "checksum": params["checksum"], "train": "head"})
    method.check()
    model = method.build(TWO, (1, 40, 40, 33)).eval()
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == {"head.weight", "head.bias"}
    x = torch.randn(1, 1, 64, 64, 64)
    expected = swin.eval().swinViT(x)[-1].mean((2, 3, 4))
    torch.testing.assert_close(model.swinViT(x)[-1].mean((2, 3, 4)), expected)


def fake_2d() -> dict[str, tuple[dict[str, Tensor], str, dict]]:
    """name of a layout -> (its tensors, the network that the arm has, options that keep it small)."""
    import timm

    def vit(name: str, **options: object) -> dict[str, Tensor]:
        return timm.create_model(name, **options).state_dict()

    dino = vit("vit_small_patch14_dinov2", depth=1, img_size=70)
    dino3 = vit("vit_small_patch16_dinov3", depth=1, img_size=64)
    dino3 = {name.replace("reg_token", "storage_tokens"): value for name, value in dino3.items()}
    clip = vit("vit_base_patch16_224", depth=1, img_size=64)
    clip = {name: value for name, value in clip.items() if not name.startswith("head.")}
    sam = vit("samvit_base_patch16", depth=1, img_size=128, num_classes=0)
    sam = {name.replace("mlp.fc", "mlp.lin"): value for name, value in sam.items()}
    one = {"depth": 1}
    return {
        "DINOv2": (dino | some({"mask_token": (1, 384)}), "vit_small_patch14_dinov2", one),
        "DINOv2 teacher": (
            prefixed(dino | some({"mask_token": (1, 384)}), "backbone.") | some({"dino_head.mlp.0.weight": (2, 2)}),
            "vit_small_patch14_dinov2",
            one,
        ),
        "DINOv3": (
            dino3 | some({"mask_token": (1, 384), "rope_embed.periods": (16,)}),
            "vit_small_patch16_dinov3",
            one,
        ),
        "BiomedCLIP": (
            prefixed(clip, "visual.trunk.") | some({"visual.head.proj.weight": (512, 768), "text.proj.weight": (2, 2)}),
            "vit_base_patch16_224",
            one,
        ),
        "SAM": (
            prefixed(sam, "image_encoder.")
            | some({"mask_decoder.x": (2,), "image_encoder.blocks.0.Adapter.channel.0.weight": (2, 2)}),
            "samvit_base_patch16",
            one,
        ),
        "RadImageNet (ResNet": (radimagenet(), "resnet18", {}),
        "torchvision ResNet": (resnet2d(), "resnet18", {}),
    }


@pytest.mark.parametrize(
    "name", ["DINOv2", "DINOv2 teacher", "DINOv3", "BiomedCLIP", "SAM", "RadImageNet (ResNet", "torchvision ResNet"]
)
def test_layouts_of_images_are_recognised_and_begin_the_network_that_is_printed(name, written, tmp_path):
    state, network, options = fake_2d()[name]
    path = written({"teacher" if "teacher" in name else "state_dict": state})
    inspected = inspect(path)
    assert name.removesuffix(" teacher").partition("v")[0] in inspected.layout.name
    assert inspected.arm == ("timm2d", {"network": network})
    if name.startswith("RadImageNet"):
        assert set(inspected.tensors) == {key for key in resnet2d() if not key.startswith("fc")}
        return
    method, params = file_params(path, tmp_path / "o.safetensors")
    made = make("methods", method, {**params, "options": options, "train": "head"})
    model = made.build(TWO, (3, 100, 91))
    (carried,) = carried_by(model).values()
    own = {key for key, _ in model.named_parameters()}
    left = own - set(carried.taken)
    assert all(key.startswith(("head.", "fc.")) for key in left), left
    positions = {"DINOv2", "DINOv2 teacher", "BiomedCLIP", "SAM"}
    assert bool(carried.adapted) == (name in positions)


@pytest.mark.parametrize("mechanisms", [True, False])
def test_the_file_of_the_authors_of_dclse_gives_their_outputs(mechanisms, written, tmp_path):
    torch.manual_seed(4)
    theirs = authors_network(mechanisms).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    method, params = file_params(written({"model": theirs.state_dict()}), tmp_path / "o.safetensors")
    assert method == "dclse"
    made = make("methods", method, params)
    made.check()
    ours = made.build(TWO, (3, 64, 64)).eval()
    (carried,) = carried_by(ours).values()
    assert not carried.left
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["tf_efficientnet_lite0", "tf_efficientnet_b1"])
def test_a_file_of_efficientnet_pytorch_has_every_tensor_of_the_network_that_is_printed(network, written):
    import timm

    own = timm.create_model(network).state_dict()
    inspected = inspect(written(efficientnet(own)))
    assert inspected.layout.name == "EfficientNet-PyTorch"
    assert inspected.arm == ("timm2d", {"network": network})
    assert inspected.tensors.keys() == own.keys()
    assert all(torch.equal(inspected.tensors[name], own[name]) for name in own)
