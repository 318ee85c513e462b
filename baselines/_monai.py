"""Classifiers of MONAI by name; finds the constructors' arguments for channels and classes."""

from __future__ import annotations

import copy
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from baselines._input_sizes import multiples, padded, times
from baselines._swin_encoder import SwinEncoder
from bench.core import BenchError, UnsupportedInputSizeError
from bench.registry import did_you_mean
from bench.weights import without_weights

CHANNELS = ("in_channels", "n_input_channels")
OUTPUTS = ("num_classes", "out_channels")
OWN: Mapping[str, Callable[..., nn.Module]] = {"SwinEncoder": SwinEncoder}  # classifiers on parts of MONAI's networks


class LogitsAlone(nn.Module):
    """Wraps a network that returns (logits, ...); returns the logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)[0]


class Padded(nn.Module):
    """Wraps a network with the fixed input size `sizes`; pads smaller volumes."""

    def __init__(self, network: nn.Module, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.network, self.sizes = network, sizes

    def forward(self, x: Tensor) -> Tensor:
        return self.network(padded(x, self.sizes))


def check(network: str, options: Mapping[str, Any]) -> None:
    """Raise BenchError if MONAI has no such classifier, or if it does not accept the options."""
    _make(_classifier(network), (1, 64, 64, 64), 2, options)


def create(network: str, shape: tuple[int, ...], outputs: int, options: Mapping[str, Any]) -> nn.Module:
    """The network for volumes of `shape`, (C, D, H, W), as (B, C, D, H, W) to (B, outputs).

    UnsupportedInputSizeError if it cannot read volumes of that size.
    """
    maker = _classifier(network)
    sizes = _whole_patches(network, shape[1:], options) if "img_size" in _keywords(maker) else shape[1:]
    made = _make(maker, (shape[0], *sizes), outputs, options)
    _rest(made)
    _state_grids(made, sizes, _patch_of(options, len(sizes)))
    made = made if sizes == shape[1:] else Padded(made, sizes)
    return _rows(network, made, shape, outputs)


def scale_head(model: nn.Module, outputs: int, factor: float) -> None:
    """Multiply the weights of the output layer, which is the last linear layer with one row for each output."""
    if factor == 1.0:
        return
    heads = [layer for layer in model.modules() if isinstance(layer, nn.Linear) and layer.out_features == outputs]
    if not heads:
        raise BenchError(f"head_scale: {type(model).__name__} has no linear output layer")
    with torch.no_grad():
        heads[-1].weight.mul_(factor)


def _whole_patches(network: str, sizes: tuple[int, ...], options: Mapping[str, Any]) -> tuple[int, ...]:
    """The sizes of the volumes, padded to whole patches."""
    patch = _patch_of(options, len(sizes))
    if len(patch) != len(sizes) or any(step > size for step, size in zip(patch, sizes, strict=True)):
        raise UnsupportedInputSizeError(
            f"{network} reads patches of {times(patch)}, and volumes of {times(sizes)} hold none"
        )
    return multiples(sizes, patch)


def _patch_of(options: Mapping[str, Any], axes: int) -> tuple[int, ...]:
    patch = options.get("patch_size", 1)
    return (patch,) * axes if isinstance(patch, int) else tuple(patch)


def _state_grids(made: nn.Module, sizes: tuple[int, ...], patch: tuple[int, ...]) -> None:
    """Give every patch embedding the grid of its positions, from which those of a file are resampled."""
    for block in made.modules():
        if hasattr(block, "position_embeddings"):
            grid = tuple(size // step for size, step in zip(sizes, patch, strict=True))
            block.position_grids = {"position_embeddings": grid}


def _rest(made: nn.Module) -> None:
    """Freeze weights that MONAI creates but never uses: the norms of absent cross-attention layers."""
    for block in made.modules():
        if hasattr(block, "norm_cross_attn") and not getattr(block, "with_cross_attention", True):
            block.norm_cross_attn.requires_grad_(False)


def _make(maker: Callable, shape: tuple[int, ...], outputs: int, options: Mapping[str, Any]) -> nn.Module:
    takes = _keywords(maker)
    values = {**dict.fromkeys(CHANNELS, shape[0]), **dict.fromkeys(OUTPUTS, outputs), "spatial_dims": 3}
    values |= {"img_size": shape[1:], "classification": True, "post_activation": "", "pretrained": False}
    try:
        return maker(**{**{name: value for name, value in values.items() if name in takes}, **without_weights(options)})
    except TypeError as error:
        raise BenchError(f"MONAI's {maker.__name__} does not take options={dict(options)}: {error}") from error


def _classifier(network: str) -> Callable[..., nn.Module]:
    import monai.networks.nets as nets

    if network in OWN:
        return OWN[network]
    found = getattr(nets, network, None)
    if found is None or not _classifies(found):
        known = {maker.__name__ for maker in vars(nets).values() if _classifies(maker)} | set(OWN)
        raise BenchError(f"MONAI has no classifier {network!r}; {did_you_mean(network, known)}")
    return found


def _classifies(maker: Any) -> bool:
    """True if it accepts channels, classes and a number of dimensions. DenseNet calls its classes `out_channels`."""
    if not callable(maker) or not getattr(maker, "__module__", "").startswith("monai.networks.nets."):
        return False
    takes, owner = _keywords(maker), _owner(maker)
    named = "num_classes" in takes or any(base.__name__ == "DenseNet" for base in owner.__mro__)
    maps = {"DiNTS", "ResNetFeatures", "EfficientNetBNFeatures", "NaViT"}  # features, or no plain batch of volumes
    return named and "spatial_dims" in takes and not {base.__name__ for base in owner.__mro__} & maps


def _keywords(maker: Callable) -> set[str]:
    """The names of its arguments, including those that it passes on to the network."""
    bases = [base for base in _owner(maker).__mro__ if base is not object and base is not nn.Module]
    return {name for one in (maker, *bases) for name in inspect.signature(one).parameters}


def _owner(maker: Callable) -> type:
    """The class of network that it returns."""
    if inspect.isclass(maker):
        return maker
    made = typing.get_type_hints(maker).get("return", object)
    return made if inspect.isclass(made) and issubclass(made, nn.Module) else object


def _rows(network: str, made: nn.Module, shape: tuple[int, ...], outputs: int) -> nn.Module:
    """The network, returning logits only; BenchError if it does not give one row of numbers per scan."""
    shadow = copy.deepcopy(made).to("meta").eval()  # shapes without numbers: nothing is computed
    try:
        with torch.no_grad():
            answer = shadow(torch.zeros(1, *shape, device="meta"))
    except (RuntimeError, ValueError) as error:
        detail = str(error).splitlines()[0]
        raise UnsupportedInputSizeError(f"{network} cannot read volumes of {times(shape[1:])}: {detail}") from error
    if isinstance(answer, tuple):
        made, answer = LogitsAlone(made), answer[0]
    if tuple(answer.shape) != (1, outputs):
        raise BenchError(f"{network} gives {tuple(answer.shape)} for a scan of {shape}, not one row of {outputs}")
    return made
