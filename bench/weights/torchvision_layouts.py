"""Layouts of torchvision's networks whose tensors timm names in other words. Their outputs stay the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.weights.efficient_layout import size_of
from bench.weights.layout import Arm, Layout, State, axes, blocks, part

if TYPE_CHECKING:
    from torch import Tensor

Rules = tuple[tuple[str, str], ...]
EXPANDED = {  # a block of three convolutions, by its place in the list
    "0.0": "conv_pw", "0.1": "bn1", "1.0": "conv_dw", "1.1": "bn2", "2.fc1": "se.conv_reduce",
    "2.fc2": "se.conv_expand", "3.0": "conv_pwl", "3.1": "bn3",
}  # fmt: skip
SEPARABLE = {  # a block of two
    "0.0": "conv_dw", "0.1": "bn1", "1.fc1": "se.conv_reduce", "1.fc2": "se.conv_expand", "2.0": "conv_pw",
    "2.1": "bn2",
}  # fmt: skip
MOBILE = {"0.0": "conv_pw", "0.1": "bn1", "1.0": "conv_dw", "1.1": "bn2", "2": "conv_pwl", "3": "bn3"}
MOBILE_FIRST = {"0.0": "conv_dw", "0.1": "bn1", "1": "conv_pw", "2": "bn2"}
VIT_SIZES = {768: "base", 1024: "large", 1280: "huge"}  # width of the tokens
VIT: Rules = (
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
)
CONVNEXT: Rules = (
    (r"^features\.0\.", "stem."),
    (r"\.layer_scale$", ".gamma"),
    (r"\.block\.0\.", ".conv_dw."),
    (r"\.block\.2\.", ".norm."),
    (r"\.block\.3\.", ".mlp.fc1."),
    (r"\.block\.5\.", ".mlp.fc2."),
    (r"^classifier\.0\.", "head.norm."),
    (r"^classifier\.2\.", "head.fc."),
)
SWIN: Rules = (
    (r"^features\.0\.0\.", "patch_embed.proj."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.3\.", ".mlp.fc2."),
    (r"^head\.", "head.fc."),
)


def _renamed(name: str, rules: Rules) -> str:
    for old, new in rules:
        name = re.sub(old, new, name)
    return name


def _stages(name: str, block: str, between: str) -> str:
    """Stages have odd numbers in `features`, what is between them has even ones."""
    found = re.match(r"^features\.(\d+)\.(.*)$", name)
    if found is None:
        return name
    number = int(found[1])
    return f"{block.format(number // 2)}.{found[2]}" if number % 2 else f"{between.format(number // 2)}.{found[2]}"


def _vit(state: State) -> dict[str, Tensor]:
    return {_renamed(name, VIT): value for name, value in state.items()}


def _vit_arm(state: State) -> Arm | None:
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    return ("timm2d", {"network": f"vit_{VIT_SIZES[width]}_patch{patch}_224"}) if width in VIT_SIZES else None


def _convnext(state: State) -> dict[str, Tensor]:
    named = {_stages(_renamed(name, CONVNEXT), "stages.{}.blocks", "stages.{}.downsample"): value
             for name, value in state.items()}  # fmt: skip
    return {name: value.flatten() if name.endswith(".gamma") else value for name, value in named.items()}


def _depths(state: State, place: str) -> tuple[int, ...]:
    return tuple(blocks(state, place.format(stage)) for stage in range(4))


def _convnext_arm(state: State) -> Arm | None:
    known = {
        (96, (3, 3, 9, 3)): "tiny", (96, (3, 3, 27, 3)): "small", (128, (3, 3, 27, 3)): "base",
        (192, (3, 3, 27, 3)): "large",
    }  # fmt: skip
    size = known.get((state["stem.0.weight"].shape[0], _depths(state, "stages.{}.blocks.")))
    return ("timm2d", {"network": f"convnext_{size}"}) if size else None


def _swin(state: State) -> dict[str, Tensor]:
    return {
        _stages(_renamed(name, SWIN), "layers.{}.blocks", "layers.{}.downsample"): value
        for name, value in state.items()
        if not name.endswith("relative_position_index")  # follows from the size of the window
    }


def _swin_arm(state: State) -> Arm | None:
    known = {(96, (2, 2, 6, 2)): "tiny", (96, (2, 2, 18, 2)): "small", (128, (2, 2, 18, 2)): "base"}
    size = known.get((state["patch_embed.proj.weight"].shape[0], _depths(state, "layers.{}.blocks.")))
    return ("timm2d", {"network": f"swin_{size}_patch4_window7_224"}) if size else None


def _ends(state: State, last: int) -> dict[str, Tensor]:
    """The layers before and after the blocks of both families of inverted bottlenecks."""
    ends = {"features.0.0.": "conv_stem.", "features.0.1.": "bn1.", f"features.{last}.0.": "conv_head."}
    ends |= {f"features.{last}.1.": "bn2.", "classifier.1.": "classifier."}
    return {f"{own}{rest}": value for old, own in ends.items() for rest, value in part(state, old).items()}


def _block(tensors: State, names: dict[str, str], place: str) -> dict[str, Tensor]:
    """The tensors of a block. names: from the places in its list."""
    found = {}
    for name, value in tensors.items():
        head, _, rest = name.rpartition(".")
        found[f"{place}.{names[head]}.{rest}"] = value
    return found


def _efficientnet(state: State) -> dict[str, Tensor]:
    last = blocks(state, "features.") - 1
    found = _ends(state, last)
    for stage in range(1, last):
        for number in range(blocks(state, f"features.{stage}.")):
            tensors = part(state, f"features.{stage}.{number}.block.")
            names = EXPANDED if "3.0.weight" in tensors else SEPARABLE
            found |= _block(tensors, names, f"blocks.{stage - 1}.{number}")
    return found


def _efficientnet_arm(state: State) -> Arm | None:
    size = size_of(state)
    if size is None:
        return None
    options = {"options": {"bn_eps": 0.001}} if size >= 5 else {}  # as torchvision builds the larger ones
    return "timm2d", {"network": f"efficientnet_b{size}", **options}


def _mobilenet(state: State) -> dict[str, Tensor]:
    last = blocks(state, "features.") - 1
    found, stage, within, before = _ends(state, last), -1, 0, 0
    for number in range(1, last):
        tensors = part(state, f"features.{number}.conv.")
        names = MOBILE if "3.weight" in tensors else MOBILE_FIRST
        width = tensors["2.weight" if names is MOBILE else "1.weight"].shape[0]
        stage, within = (stage, within + 1) if width == before else (stage + 1, 0)
        found |= _block(tensors, names, f"blocks.{stage}.{within}")
        before = width
    return found


def _mobilenet_arm(state: State) -> Arm | None:
    width = state["blocks.6.0.conv_pwl.weight"].shape[0]
    return ("timm2d", {"network": "mobilenetv2_100"}) if width == 320 else None


TORCHVISION = (
    Layout(
        "torchvision ViT",
        lambda state: axes(state, "conv_proj.weight") == 4 and axes(state, "encoder.pos_embedding") == 3,
        _vit,
        _vit_arm,
    ),
    Layout(
        "torchvision ConvNeXt", lambda state: axes(state, "features.1.0.block.5.weight") == 2, _convnext, _convnext_arm
    ),
    Layout(
        "torchvision Swin",
        lambda state: axes(state, "features.1.0.attn.relative_position_bias_table") == 2,
        _swin,
        _swin_arm,
    ),
    Layout(
        "torchvision EfficientNet",
        lambda state: {axes(state, f"features.1.0.block.{each}.weight") for each in ("1.fc1", "2.0")} == {4},
        _efficientnet,
        _efficientnet_arm,
    ),
    Layout(
        "torchvision MobileNetV2",
        lambda state: axes(state, "features.1.conv.0.0.weight") == axes(state, "features.1.conv.1.weight") == 4,
        _mobilenet,
        _mobilenet_arm,
    ),
)  # fmt: skip
