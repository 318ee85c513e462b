"""Layouts of transformers by Hugging Face: DINOv2 and ViT, whose queries, keys and values are three matrices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.weights.layout import Arm, Layout, State, axes

if TYPE_CHECKING:
    from torch import Tensor

SIZES = {192: "tiny", 384: "small", 768: "base", 1024: "large"}  # width of the tokens
PATCHES = "embeddings.patch_embeddings.projection."
BLOCK = r"^(?:encoder\.layer|layers)\.(\d+)\."  # in files of version 4 and of version 5
RULES = (
    (r"^embeddings\.cls_token$", "cls_token"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.register_tokens$", "reg_token"),
    (rf"^{re.escape(PATCHES)}", "patch_embed.proj."),
    (BLOCK, r"blocks.\1."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"^layernorm\.", "norm."),
)
READS = r"\.attention\.(?:attention\.(query|key|value)|([qkv])_proj)\.(weight|bias)$"
ORDER = "qkv"


def _named(state: State) -> dict[str, Tensor]:
    """Under timm's names; the three matrices of a block are one. Other parts, such as a pooler, are left out."""
    import torch

    found: dict[str, Tensor] = {}
    reads: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        own = name
        for old, new in RULES:
            own = re.sub(old, new, own)
        if read := re.search(READS, own):
            reads.setdefault(f"{own[: read.start()]}.attn.qkv.{read[3]}", {})[(read[1] or read[2])[0]] = value
        elif own != name or re.match(BLOCK, name):
            found[own] = value
    if "reg_token" in found:  # timm's networks with registers add no position to the class token
        positions = found["pos_embed"]
        found |= {"cls_token": found["cls_token"] + positions[:, :1], "pos_embed": positions[:, 1:].contiguous()}
    return found | {name: torch.cat([parts[each] for each in ORDER]) for name, parts in reads.items()}


def _arm(state: State) -> Arm | None:
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    if width not in SIZES or "blocks.0.mlp.fc1.weight" not in state:
        return None
    network = f"vit_{SIZES[width]}_patch{patch}_"
    if "blocks.0.ls1.gamma" not in state:
        return "timm2d", {"network": f"{network}224"}
    return "timm2d", {"network": f"{network}{'reg4_' if 'reg_token' in state else ''}dinov2"}


HUGGING_FACE = Layout(
    "DINOv2 or ViT of Hugging Face",
    lambda state: axes(state, f"{PATCHES}weight") == 4 and axes(state, "embeddings.position_embeddings") == 3,
    _named,
    _arm,
    merged=rf"{READS}|(?:cls_token|position_embeddings)$",
)
