"""The layout of EfficientNet-PyTorch: blocks in one row, where timm has stages of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.weights.layout import Arm, Layout, State, axes, blocks, part

if TYPE_CHECKING:
    from torch import Tensor

ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
DEPTHWISE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2", **SQUEEZE}
INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
    **SQUEEZE,
}
SIZES = {352: 2, 384: 3, 448: 4, 512: 5, 576: 6, 640: 7}  # channels of the last block; 320: 0 or 1


def _places(state: State) -> list[str]:
    """Where timm has each block: a stage begins where the number of channels changes."""
    found: list[str] = []
    stage, within, before = -1, 0, 0
    for number in range(blocks(state, "_blocks.")):
        width = state[f"_blocks.{number}._project_conv.weight"].shape[0]
        stage, within = (stage, within + 1) if width == before else (stage + 1, 0)
        found.append(f"blocks.{stage}.{within}")
        before = width
    return found


def _named(state: State) -> dict[str, Tensor]:
    found = {}
    for head, own in ENDS.items():
        found |= {f"{own}.{rest}": value for rest, value in part(state, f"{head}.").items()}
    for number, place in enumerate(_places(state)):
        tensors = part(state, f"_blocks.{number}.")
        names = INVERTED if "_expand_conv.weight" in tensors else DEPTHWISE
        for name, value in tensors.items():
            head, _, rest = name.partition(".")
            found[f"{place}.{names[head]}.{rest}"] = value
    return found


def size_of(state: State) -> int | None:
    """Return the size of an EfficientNet with timm's names, by its last block and their number; None without blocks."""
    names = {name.rpartition(".conv_pw")[0] for name in state if ".conv_pwl.weight" in name}
    places = {tuple(int(each) for each in name.split(".")[1:3]) for name in names}
    if not places:
        return None
    stage, within = max(places)
    width = state[f"blocks.{stage}.{within}.conv_pwl.weight"].shape[0]
    return SIZES.get(width, 0 if len(places) == 15 else 1)


def _arm(state: State) -> Arm | None:
    size = size_of(state)
    kind = "b" if any(".se." in name for name in state) else "lite"
    return None if size is None else ("timm2d", {"network": f"tf_efficientnet_{kind}{size}"})


EFFICIENT = Layout(
    "EfficientNet-PyTorch",
    lambda state: axes(state, "_conv_stem.weight") == axes(state, "_blocks.0._depthwise_conv.weight") == 4,
    _named,
    _arm,
)
