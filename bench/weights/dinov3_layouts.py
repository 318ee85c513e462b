"""Layouts of DINOv3 as Hugging Face publishes it: transformers and ConvNeXts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.weights.layout import Arm, Layout, State, axes, blocks

if TYPE_CHECKING:
    from torch import Tensor

SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large", 1280: "huge", 4096: "7b"}  # width of the tokens
NETWORKS = {  # (size, whether the layers between are gated) -> (its name in timm, whether one without biases exists)
    **{(size, False): (f"vit_{size}", size != "tiny") for size in ("tiny", "small", "base", "large")},
    **{(size, True): (f"vit_{size}_plus", True) for size in ("small", "huge")},
    ("7b", True): ("vit_7b", True),
}
CONVNEXTS = {(96, 9): "tiny", (96, 27): "small", (128, 27): "base", (192, 27): "large"}  # width, blocks of stage 2
PATCHES = "embeddings.patch_embeddings."
TOKENS = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (rf"^{re.escape(PATCHES)}", "patch_embed.proj."),
    (r"^(?:model\.)?layer\.(\d+)\.", r"blocks.\1."),  # in files of version 5 and of version 4
    (r"\.attention\.o_proj\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".gamma_\1"),
    (r"\.mlp\.gate_proj\.", ".mlp.fc1_g."),
    (r"\.mlp\.down_proj\.", ".mlp.fc2."),
)
READS = r"\.attention\.([qkv])_proj\.(weight|bias)$"
MAPS = (
    (r"^(?:model\.)?stages\.0\.downsample_layers\.", "stem."),
    (r"^(?:model\.)?stages\.(\d)\.downsample_layers\.", r"stages.\1.downsample."),
    (r"^(?:model\.)?stages\.(\d)\.layers\.", r"stages.\1.blocks."),
    (r"\.depthwise_conv\.", ".conv_dw."),
    (r"\.layer_norm\.", ".norm."),
    (r"\.pointwise_conv([12])\.", r".mlp.fc\1."),
    (r"^layer_norm\.", "head.norm."),
)


def dinov3_network(width: int, patch: int, gated: bool, biased: bool) -> str | None:
    """Return timm's name of a transformer of DINOv3; None if it has none.

    Parameters
    ----------
    width, patch : int
        Width of the tokens, and the side of a patch in pixels.
    gated : bool
        Whether the layers between are gated.
    biased : bool
        Whether queries or values have biases other than 0.
    """
    name, plain = NETWORKS.get((SIZES.get(width, ""), gated), ("", False))
    if not name or (biased and name == "vit_7b"):
        return None
    return f"{name}_patch{patch}_dinov3{'' if plain and not biased else '_qkvb'}"


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for old, new in rules:
        name = re.sub(old, new, name)
    return name


def _tokens(state: State) -> dict[str, Tensor]:
    """Under timm's names: three matrices of a block are one, and biases that are 0 throughout are left out."""
    import torch

    gated = any(".mlp.gate_proj." in name for name in state)
    rules = (*TOKENS, (r"\.mlp\.up_proj\.", f".mlp.{'fc1_x' if gated else 'fc1'}."))
    reads: dict[str, dict[str, Tensor]] = {}
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        own = _renamed(name, rules)
        if read := re.search(READS, own):
            reads.setdefault(f"{own[: read.start()]}.attn.{read[2]}", {})[read[1]] = value
        elif own != name or name.startswith("norm."):
            found[own] = value
    weights = {name: parts for name, parts in reads.items() if name.endswith("weight")}
    biases = {name.removesuffix("bias"): parts for name, parts in reads.items() if name.endswith("bias")}
    if any(parts["k"].any() for parts in biases.values() if "k" in parts):
        raise KeyError("biases of keys")
    found |= {
        name.replace("attn.weight", "attn.qkv.weight"): torch.cat([parts[each] for each in "qkv"])
        for name, parts in weights.items()
    }
    plain = NETWORKS.get((SIZES.get(found["cls_token"].shape[-1], ""), gated), ("", True))[1]
    if not plain or any(parts[each].any() for parts in biases.values() for each in "qv"):
        found |= {f"{name}{each}_bias": parts[each] for name, parts in biases.items() for each in "qv"}
    return found


def _tokens_arm(state: State) -> Arm | None:
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    gated, biased = "blocks.0.mlp.fc1_g.weight" in state, "blocks.0.attn.q_bias" in state
    network = dinov3_network(width, patch, gated, biased)
    return ("timm2d", {"network": network}) if network else None


def _maps(state: State) -> dict[str, Tensor]:
    pairs = ((name, _renamed(name, MAPS), value) for name, value in state.items())
    return {own: value for name, own, value in pairs if own != name}


def _maps_arm(state: State) -> Arm | None:
    size = CONVNEXTS.get((state["stem.0.weight"].shape[0], blocks(state, "stages.2.blocks.")))
    return ("timm2d", {"network": f"convnext_{size}"}) if size else None


DINOV3 = (
    Layout(
        "DINOv3 of Hugging Face (transformer)",
        lambda state: axes(state, f"{PATCHES}weight") == 4 and axes(state, "embeddings.register_tokens") == 3,
        _tokens,
        _tokens_arm,
        "timm averages the patches; options={'global_pool': 'token'} reads the class token",
        merged=READS,
    ),
    Layout(
        "DINOv3 of Hugging Face (ConvNeXt)",
        lambda state: any(
            axes(state, f"{prefix}stages.0.downsample_layers.0.weight") == 4 for prefix in ("", "model.")
        ),
        _maps,
        _maps_arm,
    ),
)
