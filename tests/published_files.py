"""Checkpoints as they are published, with made-up numbers, and the arm that reads them after conversion."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.weights.weights_conversion import convert


def some(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors of these shapes, each with values of its own."""
    rng = torch.Generator().manual_seed(0)
    return OrderedDict((name, torch.randn(shape, generator=rng)) for name, shape in shapes.items())


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors with a prefix before every name."""
    return OrderedDict((prefix + name, value) for name, value in state.items())


def resnet3d(**changed: object) -> dict[str, Tensor]:
    """The tensors of a 3D ResNet of MONAI with the names of a ResNet-10, and few channels."""
    from monai.networks.nets import ResNet

    values = {"spatial_dims": 3, "n_input_channels": 1, "bias_downsample": False, "feed_forward": False, **changed}
    return ResNet("basic", values.pop("layers", [1, 1, 1, 1]), [4, 8, 8, 8], **values).state_dict()


def file_params(path: Path, out: Path) -> tuple[str, dict]:
    """Convert a checkpoint; the method and the parameters that the command prints."""
    inspected, checksum = convert(path, out)
    method, params = inspected.arm
    return method, {**params, "weights": str(out), "checksum": checksum}


def resnet2d() -> dict[str, Tensor]:
    """The tensors of a ResNet-18 of torchvision, which timm names alike."""
    import timm

    return timm.create_model("resnet18").state_dict()


CHILDREN = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def radimagenet() -> dict[str, Tensor]:
    """A ResNet-18 as a sequence of its children: their numbers are in the names."""
    heads = ((name.partition("."), value) for name, value in resnet2d().items() if not name.startswith("fc"))
    return {f"backbone.{CHILDREN[head]}.{rest}": value for (head, _, rest), value in heads}


def efficientnet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A network of timm as EfficientNet-PyTorch names it: blocks are numbered from first to last."""
    ends = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    inner = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    inner |= {"conv_pwl": "_project_conv", "bn3": "_bn2", "se": ""}
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2", "se": ""}
    order = sorted({tuple(map(int, name.split(".")[1:3])) for name in state if name.startswith("blocks.")})
    found = OrderedDict()
    for name, value in state.items():
        head, _, rest = name.partition(".")
        if head == "blocks":
            stage, block, head, rest = rest.split(".", 3)
            rest = rest.replace("conv_reduce", "_se_reduce").replace("conv_expand", "_se_expand")
            new = (first if stage == "0" else inner)[head]
            number = order.index((int(stage), int(block)))
            found[f"_blocks.{number}." + (f"{new}.{rest}" if new else rest)] = value
        else:
            found[f"{ends[head]}.{rest}"] = value
    return found


def filled(shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Tensors of the given shapes by name, with numbers that follow from the names' order; variances are positive."""
    numbers, state = torch.Generator().manual_seed(0), {}
    for name in sorted(shapes):
        drawn = torch.randn(*shapes[name], generator=numbers)
        state[name] = 0.5 + drawn.abs() if name.endswith("running_var") else 0.05 * drawn
    return state
