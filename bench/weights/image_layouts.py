"""Layouts of published networks of images. timm renames and resamples most of them itself when it reads a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.weights.dinov3_layouts import dinov3_network
from bench.weights.layout import Arm, Layout, State, axes, blocks, part
from bench.weights.volume_layouts import resnet_depth

if TYPE_CHECKING:
    from torch import Tensor

SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1280: "huge", 1536: "giant"}  # width of the tokens
CHILDREN = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}  # of a ResNet
SAM = "image_encoder."
TRUNK = "visual.trunk."


def _sam(state: State) -> dict[str, Tensor]:
    """The image encoder without its adapters, which SAM-Med2D trained beside frozen layers."""
    return {name: value for name, value in state.items() if name.startswith(SAM) and "Adapter" not in name}


def _sam_arm(state: State) -> Arm:
    size = SIZES.get(state[f"{SAM}patch_embed.proj.weight"].shape[0], "base")
    return "timm2d", {"network": f"samvit_{size}_patch16"}


def _trunk(state: State) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name.startswith("visual.")}


def _trunk_arm(state: State) -> Arm:
    width, _, patch, _ = state[f"{TRUNK}patch_embed.proj.weight"].shape
    return "timm2d", {"network": f"vit_{SIZES.get(width, 'base')}_patch{patch}_224"}


def _dino_prefix(state: State) -> str | None:
    for prefix in ("", "backbone.", "teacher.backbone.", "model."):
        tokens = {f"{prefix}cls_token", f"{prefix}mask_token"}
        if tokens <= set(state) and axes(state, f"{prefix}patch_embed.proj.weight") == 4:
            return prefix
    return None


def _dino(state: State) -> dict[str, Tensor]:
    """The backbone; files of distributed training number their blocks in chunks: `blocks.0.3.`."""
    own = part(state, _dino_prefix(state) or "")
    return {re.sub(r"^blocks\.\d+\.(\d+)\.", r"blocks.\1.", name): value for name, value in own.items()}


def _dino_arm(state: State) -> Arm | None:
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    size = SIZES.get(width, "base")
    if "storage_tokens" in state:
        reads = [value.chunk(3) for name, value in state.items() if name.endswith("attn.qkv.bias")]
        biased = any(part.any() for queries, _, values in reads for part in (queries, values))
        network = dinov3_network(width, patch, "blocks.0.mlp.w1.weight" in state, biased)
        return ("timm2d", {"network": network}) if network else None
    registers = "reg4_" if "register_tokens" in state else ""
    return "timm2d", {"network": f"vit_{size}_patch{patch}_{registers}dinov2"}


def _numbered(state: State) -> str | None:
    """Where the children of a ResNet are numbered; None if they are not."""
    for prefix in ("backbone.", "", "features."):
        if axes(state, f"{prefix}0.weight") == axes(state, f"{prefix}4.0.conv1.weight") == 4:
            return prefix
    return None


def _named(state: State) -> dict[str, Tensor]:
    pairs = ((name.partition("."), value) for name, value in part(state, _numbered(state) or "").items())
    return {f"{CHILDREN[head]}.{rest}": value for (head, _, rest), value in pairs if head in CHILDREN}


def _dense(state: State) -> dict[str, Tensor]:
    return {f"features.{name}": value for name, value in part(state, "backbone.0.").items()}


def _dense_names(state: State) -> dict[str, Tensor]:
    """Published files have `denselayer1.norm.1`, the networks `denselayer1.norm1`."""
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name): value
            for name, value in state.items()}  # fmt: skip


def _dense_arm(state: State) -> Arm | None:
    last = blocks(state, "features.denseblock4.")
    depth = {16: 121, 32: {32: 169, 48: 201}.get(blocks(state, "features.denseblock3."), 169), 24: 161}.get(last)
    return ("timm2d", {"network": f"densenet{depth}"}) if depth else None


def _resnet_arm(state: State) -> Arm | None:
    depth = resnet_depth(state)
    if not depth or "layer1.0.conv3.weight" not in state:
        return ("timm2d", {"network": f"resnet{depth}"}) if depth else None
    width, reads, _, _ = state["layer1.0.conv2.weight"].shape
    kind = {(64, 64): "resnet{}", (128, 128): "wide_resnet{}_2"}.get((width, reads))
    kind = kind or (f"resnext{{}}_{width // reads}x{reads}d" if width > reads else None)
    return ("timm2d", {"network": kind.format(depth)}) if kind else None


def _vgg_arm(state: State) -> Arm | None:
    convolutions = sum(value.ndim == 4 for value in part(state, "features.").values())
    normalised = "_bn" if any(name.endswith("running_mean") for name in state) else ""
    network = {8: "vgg11", 10: "vgg13", 13: "vgg16", 16: "vgg19"}.get(convolutions)
    return ("timm2d", {"network": f"{network}{normalised}"}) if network else None


def _vgg_note_free(state: State) -> bool:
    return axes(state, "features.0.weight") == 4 and axes(state, "classifier.0.weight") == 2


IMAGES = (
    Layout(
        "SAM, MedSAM or SAM-Med2D (image encoder)",
        lambda state: axes(state, f"{SAM}patch_embed.proj.weight") == 4 and f"{SAM}pos_embed" in state,
        _sam,
        _sam_arm,
        "prompt encoder, mask decoder and adapters are left out",
    ),
    Layout(
        "BiomedCLIP, or another open_clip model with an image encoder of timm",
        lambda state: axes(state, f"{TRUNK}patch_embed.proj.weight") == 4,
        _trunk,
        _trunk_arm,
        "the text encoder is left out",
    ),
    Layout("DINOv2 or DINOv3", lambda state: _dino_prefix(state) is not None, _dino, _dino_arm),
    Layout(
        "RadImageNet (ResNet by numbers of its children)",
        lambda state: _numbered(state) is not None,
        _named,
        _resnet_arm,
    ),
    Layout("RadImageNet (DenseNet)", lambda state: axes(state, "backbone.0.conv0.weight") == 4, _dense, _dense_arm),
    Layout(
        "torchvision ResNet",
        lambda state: axes(state, "conv1.weight") == axes(state, "layer1.0.conv1.weight") == 4,
        dict,
        _resnet_arm,
    ),
    Layout("torchvision DenseNet", lambda state: axes(state, "features.conv0.weight") == 4, _dense_names, _dense_arm),
    Layout("torchvision VGG", _vgg_note_free, dict, _vgg_arm, "the method xing2020 reads the features of a vgg11"),
)
