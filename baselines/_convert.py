"""Two-dimensional networks of timm turned into three-dimensional ones, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import _timm
from bench.core import BenchError

FLAT = {0: (1, 2), 1: (0, 2), 2: (0, 1)}  # axis of size 1 of a kernel -> the two axes of its plane
WHOLES = {  # containers of timm: they pass maps from layer to layer and use no axis themselves
    *("ResNet", "BasicBlock", "Bottleneck", "DenseNet", "DenseBlock", "DenseLayer", "DenseTransition", "RegNet"),
    *("RegStage", "EfficientNet", "MobileNetV3", "InvertedResidual", "DepthwiseSeparableConv", "EdgeResidual"),
    *("ConvBnAct", "ConvNormAct", "ClassifierHead", "SelectAdaptivePool2d", "Sequential", "DropPath"),
}


class Across(nn.Module):
    """Wraps a network that reads (B, C, depth, rows, columns); moves the given slice axis to the front."""

    def __init__(self, network: nn.Module, axis: int) -> None:
        super().__init__()
        self.network, self.axis = network, axis

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.movedim(2 + self.axis, 2))


class AcsConv(nn.Conv2d):
    """The weights of a 2D convolution as three parts of 3D ones: kernels in the first plane, the second, the third.

    (B, C, D, H, W) to (B, C', D', H', W'). A grouped convolution is split between its groups.
    """

    def forward(self, x: Tensor) -> Tensor:
        parts, bias = self.weight.tensor_split(self._cuts(self.out_channels)), self.bias
        biases = [None] * 3 if bias is None else bias.tensor_split(self._cuts(self.out_channels))
        grouped = self.groups > 1
        inputs = x.tensor_split(self._cuts(self.in_channels), 1) if grouped else (x, x, x)
        groups = [many.stop - many.start for many in _thirds(self.groups)] if grouped else [1] * 3
        maps = [
            F.conv3d(
                scan,
                part.unsqueeze(2 + flat),
                own,
                _with(self.stride, flat, self.stride[0]),
                _with(self.padding, flat, 0),
                _with(self.dilation, flat, 1),
                many,
            )
            for flat, (scan, part, own, many) in enumerate(zip(inputs, parts, biases, groups, strict=True))
            if len(part)
        ]
        return torch.cat(maps, 1)

    def _cuts(self, channels: int) -> tuple[int, int]:
        units = self.groups if self.groups > 1 else channels
        first, second, _ = _thirds(units)
        return first.stop * channels // units, second.stop * channels // units


class InflatedConv(nn.Conv3d):
    """A 3D convolution with the kernels of a 2D one, repeated along the depth and divided by their number.

    `margin` copies of the outermost slices are added at either end, by concatenation and not by padding, so that
    gradients are summed in a fixed order on every device.
    """

    margin = 0

    def forward(self, x: Tensor) -> Tensor:
        ends = [self.margin * [x[:, :, :1]], self.margin * [x[:, :, -1:]]]
        return super().forward(torch.cat([*ends[0], x, *ends[1]], 2) if self.margin else x)


class NormAct(nn.BatchNorm3d):
    """Batch normalisation and what timm has follow it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(x)))


class Excitation(nn.Module):
    """Squeeze and excitation: each channel times a gate of the means of all."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.gate = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean((2, 3, 4), keepdim=True))


def create(
    network: str,
    shape: tuple[int, ...],
    outputs: int,
    options: Mapping[str, Any],
    weights: Path | None,
    conversion: str,
    axis: int,
) -> nn.Module:
    """The 3D network for volumes of `shape`, (C, D, H, W), with slices along `axis`; BenchError without a 3D form."""
    flat = tuple(size for each, size in enumerate(shape) if each != axis + 1)
    made = _timm.create(network, flat, outputs, options, weights)
    names = list(made.state_dict())
    try:
        made = converted(made, {"acs": acs, "inflated": inflated}[conversion])
    except TypeError as error:
        known = "use a ResNet, DenseNet, RegNet, MobileNet or EfficientNet"
        raise BenchError(f"{network} cannot be converted to 3D: {error}; {known}") from error
    if weights is not None:
        _rename_carried(made, dict(zip(names, made.state_dict(), strict=True)))
    return _timm.answering(Across(made, axis), network, shape, outputs)


def _rename_carried(made: nn.Module, names: Mapping[str, str]) -> None:
    """Name the tensors that were taken from the file as the converted network does. names: in 2D -> in 3D."""
    carried = made.carried
    taken, missing = (tuple(names[name] for name in each) for each in (carried.taken, carried.missing))
    made.carried = replace(carried, taken=taken, missing=missing)


def converted(module: nn.Module, convolution: Callable[[nn.Conv2d], nn.Module]) -> nn.Module:
    """Convert a module to 3D; TypeError if it contains a layer without a 3D counterpart here."""
    kind = type(module)
    if kind is nn.Conv2d:
        return _pointwise(module) if set(module.kernel_size) == {1} else convolution(module)
    if kind is nn.BatchNorm2d or kind.__name__ == "BatchNormAct2d":
        return _norm(module)
    if kind.__name__ in ("SEModule", "SqueezeExcite"):
        return _excitation(module, convolution)
    if kind in (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d):
        return _pool(module)
    if kind.__name__ in WHOLES:
        for name, child in module.named_children():
            setattr(module, name, converted(child, convolution))
        return module
    activation = kind.__module__.rpartition(".")[2] in ("activation", "activations")
    if activation or isinstance(module, (nn.Linear, nn.Identity, nn.Dropout, nn.Flatten)):
        return module
    raise TypeError(f"it contains a {kind.__name__}")


def acs(conv: nn.Conv2d) -> AcsConv:
    """A convolution by kernels in the three planes, with the weights of a 2D one."""
    same = all(2 * p == d * (k - 1) for k, p, d in zip(conv.kernel_size, conv.padding, conv.dilation, strict=True))
    if not same or len({conv.kernel_size[0], *conv.kernel_size}) > 1 or 1 < conv.groups < 3:
        raise TypeError(
            f"its kernels of {conv.kernel_size} padded by {conv.padding} do not keep the grid in each plane"
        )
    made = AcsConv(
        *_shape_of(conv), conv.kernel_size, conv.stride, conv.padding, conv.dilation, **_shared_arguments(conv)
    )
    made.load_state_dict(conv.state_dict())
    return made


def inflated(conv: nn.Conv2d) -> InflatedConv:
    """A convolution by kernels as deep as they are high, with the weights of a 2D one."""
    depth = conv.kernel_size[0]
    sizes = [
        (one, *both) for one, both in ((depth, conv.kernel_size), (conv.stride[0], conv.stride), (0, conv.padding))
    ]
    made = InflatedConv(*_shape_of(conv), *sizes, (conv.dilation[0], *conv.dilation), **_shared_arguments(conv))
    made.margin = conv.padding[0]
    weight = conv.weight[:, :, None].repeat(1, 1, depth, 1, 1) / depth
    made.load_state_dict({**conv.state_dict(), "weight": weight})
    return made


def _pointwise(conv: nn.Conv2d) -> nn.Conv3d:
    made = nn.Conv3d(*_shape_of(conv), 1, conv.stride[0], **_shared_arguments(conv))
    made.load_state_dict({**conv.state_dict(), "weight": conv.weight[:, :, None]})
    return made


def _norm(norm: nn.BatchNorm2d) -> nn.Module:
    plain = type(norm) is nn.BatchNorm2d
    made = (nn.BatchNorm3d if plain else NormAct)(norm.num_features, norm.eps, norm.momentum, norm.affine)
    made.load_state_dict(norm.state_dict(), strict=False)
    if not plain:
        made.drop, made.act = norm.drop, norm.act
    return made


def _excitation(module: nn.Module, convolution: Callable[[nn.Conv2d], nn.Module]) -> Excitation:
    if type(module).__name__ == "SqueezeExcite":
        layers = (module.conv_reduce, module.act1, module.conv_expand, module.gate)
    else:
        if module.add_maxpool:
            raise TypeError("it contains an SEModule with a maximum")
        layers = (module.fc1, module.bn, module.act, module.fc2, module.gate)
    return Excitation(*(converted(layer, convolution) for layer in layers))


def _pool(pool: nn.Module) -> nn.Module:
    if isinstance(pool, nn.AdaptiveAvgPool2d):
        if pool.output_size not in (1, (1, 1)):
            raise TypeError(f"it contains pooling to the size {pool.output_size}")
        return nn.AdaptiveAvgPool3d(1)
    if isinstance(pool, nn.MaxPool2d):
        return nn.MaxPool3d(pool.kernel_size, pool.stride, pool.padding, pool.dilation, ceil_mode=pool.ceil_mode)
    if pool.padding and pool.count_include_pad:
        raise TypeError("it contains average pooling that excludes padding")
    return nn.AvgPool3d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, pool.count_include_pad)


def _shape_of(conv: nn.Conv2d) -> tuple[int, int]:
    return conv.in_channels, conv.out_channels


def _shared_arguments(conv: nn.Conv2d) -> dict[str, Any]:
    return {"groups": conv.groups, "bias": conv.bias is not None}


def _with(values: tuple[int, int], at: int, value: int) -> tuple[int, ...]:
    """Three numbers: those of the two axes of a kernel, and the given one for its third axis."""
    return (*values[:at], value, *values[at:])


def _thirds(many: int) -> list[slice]:
    """Sizes of three nearly equal parts; the first ones are larger."""
    cuts = [-(-many * part // 3) for part in range(4)]
    return [slice(*pair) for pair in pairwise(cuts)]
