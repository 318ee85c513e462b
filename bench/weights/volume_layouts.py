"""Layouts of published networks of volumes, and of the network of DCL-SE's authors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bench.weights.layout import Arm, Layout, State, axes, blocks, part

if TYPE_CHECKING:
    from torch import Tensor

RESNETS = {  # (blocks of each stage, whether they are bottlenecks) -> depth
    ((1, 1, 1, 1), False): 10,
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
    ((3, 24, 36, 3), True): 200,
}

SAM = "image_encoder."
SAM_DEFAULTS = (("depth", 12), ("side", 8))  # of the published network and of the method alike


def resnet_depth(state: State) -> int:
    """Return the depth of a ResNet with torchvision's names; 0 for any other number of blocks."""
    counts = tuple(blocks(state, f"layer{stage}.") for stage in range(1, 5))
    return RESNETS.get((counts, "layer1.0.conv3.weight" in state), 0)


def _resnet_prefix(state: State) -> str | None:
    """Where a 3D ResNet begins in a file; None if there is none."""
    for prefix in ("", "encoder.", "backbone.", "model."):
        if axes(state, f"{prefix}conv1.weight") == axes(state, f"{prefix}layer1.0.conv1.weight") == 5:
            return prefix
    return None


def _resnet(state: State) -> dict[str, Tensor]:
    return part(state, _resnet_prefix(state) or "")


def _resnet_arm(state: State) -> Arm | None:
    depth = resnet_depth(state)
    options: dict[str, Any] = {}
    if "layer2.0.downsample.0.weight" not in state:
        options["shortcut_type"] = "A"
    elif "layer2.0.downsample.0.bias" not in state:
        options["bias_downsample"] = False
    return ("monai3d", {"network": f"resnet{depth}", **({"options": options} if options else {})}) if depth else None


def _medicalnet_arm(state: State) -> Arm | None:
    arm = _resnet_arm(state)
    return arm and (arm[0], {**arm[1], "options": {**arm[1].get("options", {}), "conv1_t_stride": 2}})


def _vit_prefix(state: State) -> str | None:
    for prefix in ("", "backbone.", "encoder.", "model.", "vit."):
        if f"{prefix}patch_embedding.position_embeddings" in state:
            return prefix
    return None


def _vit(state: State) -> dict[str, Tensor]:
    """The tensors of MONAI's ViT; older versions stored layers of cross-attention that nothing uses."""
    own = part(state, _vit_prefix(state) or "")
    return {name: value for name, value in own.items() if "cross_attn" not in name}


def _vit_arm(state: State) -> Arm | None:
    convolution = state.get("patch_embedding.patch_embeddings.weight")
    hidden = state.get("blocks.0.mlp.linear1.weight")
    if convolution is None or convolution.ndim != 5 or hidden is None or hidden.ndim != 2:
        return None
    width, _, *patch = convolution.shape
    options = {"patch_size": list(patch), "hidden_size": width, "mlp_dim": hidden.shape[0]}
    options |= {"num_layers": blocks(state, "blocks."), "num_heads": width // 64}
    options |= {"qkv_bias": True} if "blocks.0.attn.qkv.bias" in state else {}
    return "monai3d", {"network": "ViT", "options": options}


def _swin_prefix(state: State) -> str | None:
    for prefix in ("swinViT.", "", "encoder.", "model.swinViT."):
        if axes(state, f"{prefix}patch_embed.proj.weight") == 5 and any(
            name.startswith(f"{prefix}layers1.") for name in state
        ):
            return prefix
    return None


def _swin(state: State) -> dict[str, Tensor]:
    """The encoder, and the decoder where the file has one, under the names of MONAI's SwinUNETR."""
    prefix = _swin_prefix(state) or ""
    own = {
        f"swinViT.{name}": value for name, value in part(state, prefix).items() if name.startswith(("patch", "layer"))
    }
    decoder = part(state, "model.") if prefix.startswith("model.") else state
    own |= {name: value for name, value in decoder.items() if re.match(r"(encoder|decoder)\d+\.|out\.", name)}
    return {name.replace(".mlp.fc", ".mlp.linear"): value for name, value in own.items()}


def _swin_arm(state: State) -> Arm:
    return "monaiseg", {"network": "SwinUNETR", "width": state["swinViT.patch_embed.proj.weight"].shape[0]}


def _authors(state: State) -> dict[str, Tensor]:
    """The network of DCL-SE's authors under the names that the method dclse has."""
    names = {name: _authors_name(name, state) for name in state}
    values = {own: state[name] for name, own in names.items() if own}
    if "head.weight" in values:
        values["head.weight"] = values["head.weight"].flatten(1)  # there a 1x1 convolution of one position
    return values


_PARTS = {  # parts of the authors' blocks -> parts of ours
    "residual_1": "large",
    "residual_2": "plain",
    "weight_layer": "generate",
    "pointwise_groups": "adjust",
}


def _authors_name(name: str, state: State) -> str:
    """The name here of a tensor there; empty for other tensors."""
    words = name.split(".")
    if words[0] == "pre":
        return ".".join(["stem", *words[1:]])
    if words[0] == "conv2":
        return f"head.{words[-1]}"
    stage = "C1" if words[0] == "conv1" else f"S{words[0].removeprefix('stage')}"
    mechanism = next((word for word in ("weight_layer", "pointwise_groups") if word in words), "")
    if mechanism:
        return ".".join([f"dgm.{stage}", _PARTS[mechanism], *words[words.index(mechanism) + 1 :]])
    if stage == "C1":
        return ".".join(["stages.C1", *words[1:]])
    inner = next((word for word in ("residual", "residual_1", "residual_2", "attention") if word in words), "")
    if not inner:
        return ""
    at, rest = words.index(inner), words[words.index(inner) + 1 :]
    block = words[at - 1] if at > 1 and stage not in ("S1", "S7") else "0"
    if inner == "attention":
        return ".".join([f"stages.{stage}.{block}.attention.excite", *rest[1:]])
    branches = ".".join([*words[:at], "residual_2.0.weight"]) in state
    ours = _PARTS.get(inner, "small" if branches else "branch")
    return ".".join([f"stages.{stage}.{block}", ours, *rest])


def _authors_arm(state: State) -> Arm:
    plain = not any(name.startswith("dgm.") for name in state)
    return "dclse", {"dgm": []} if plain else {}


def _deepbet_arm(state: State) -> Arm:
    return "deepbet3d", {}


def _sam_arm(state: State) -> Arm | None:
    if axes(state, "pos_embed") != 5 or axes(state, "blocks.0.attn.rel_pos_d") != 2:
        return None
    side, width = state["pos_embed"].shape[1], state["pos_embed"].shape[-1]
    heads = width // state["blocks.0.attn.rel_pos_d"].shape[1]
    params = {"width": width, "depth": blocks(state, "blocks."), "heads": heads, "side": side}
    return "sammed3d", {name: value for name, value in params.items() if (name, value) not in SAM_DEFAULTS}


VOLUMES = (
    Layout(
        "3D-Neuro-SimCLR (MONAI's ResNet)",
        lambda state: _resnet_prefix(state) == "encoder.",
        _resnet,
        _resnet_arm,
        "the projector of its pretraining is left out",
    ),
    Layout("BrainIAC, version 1 (3D ResNet)", lambda state: _resnet_prefix(state) == "backbone.", _resnet, _resnet_arm),
    Layout(
        "MedicalNet (3D ResNet)",
        lambda state: (
            _resnet_prefix(state) is not None and "layer2.0.downsample.0.bias" not in state and "fc.weight" not in state
        ),
        _resnet,
        _medicalnet_arm,
        "its last two stages were dilated and kept the size; MONAI's halve it",
    ),
    Layout("3D ResNet (MONAI)", lambda state: _resnet_prefix(state) is not None, _resnet, _resnet_arm),
    Layout(
        "BrainIAC, version 2, or another ViT of MONAI",
        lambda state: _vit_prefix(state) is not None,
        _vit,
        _vit_arm,
        "it had no class token; here a new one is trained",
    ),
    Layout(
        "BrainSegFounder, SwinUNETR or its encoder (MONAI)",
        lambda state: _swin_prefix(state) is not None,
        _swin,
        _swin_arm,
        "heads of its pretraining are left out; classes and numbers: method monai3d, network=SwinEncoder",
    ),
    Layout(
        "deepbet (3D residual U-Net)",
        lambda state: axes(state, "init.0.weight") == axes(state, "tp_conv2.weight") == 5,
        dict,
        _deepbet_arm,
    ),
    Layout(
        "SuperDAM or DAMNet, the network of DCL-SE's authors",
        lambda state: all(
            axes(state, name) == 4 for name in ("pre.0.weight", "conv2.weight", "stage7.residual.0.weight")
        ),
        _authors,
        _authors_arm,
    ),
    Layout(
        "SAM-Med3D (image encoder)",
        lambda state: axes(state, f"{SAM}patch_embed.proj.weight") == 5,
        lambda state: part(state, SAM),
        _sam_arm,
        "prompt encoder and mask decoder are left out",
    ),
)
