"""Checkpoints as they are published, with made-up numbers, and the arm that reads them after conversion."""

from __future__ import annotations

from collections import OrderedDict
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
