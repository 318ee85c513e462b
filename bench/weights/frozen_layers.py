"""Train a part of a network: the other layers are frozen, their batch statistics and dropout included."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from bench.core import BenchError

if TYPE_CHECKING:
    from torch import Tensor, nn


def freeze(model: nn.Module, free: Collection[str]) -> None:
    """Freeze all parameters of a network but some.

    A layer of which every parameter is frozen stays in evaluation mode also during training: its batch statistics do
    not change and it has no dropout. It computes what it computed where it was trained; statistics that follow a few
    small batches would change the features of a probe while its weights are said to be frozen.

    Parameters
    ----------
    model : nn.Module
        The network; changed in place.
    free : collection of str
        Names of the parameters that are trained.
    """
    for name, weight in model.named_parameters():
        weight.requires_grad_(weight.requires_grad and name in free)
    frozen: list[str] = []
    for name, module in model.named_modules():
        weights = list(module.parameters())
        if name and weights and not any(weight.requires_grad for weight in weights):
            frozen += [] if any(name.startswith(f"{above}.") for above in frozen) else [name]
    model.register_forward_pre_hook(_Resting(tuple(frozen)))


def last_stage(model: nn.Module, head: Collection[str]) -> set[str]:
    """Find the parameters of the last stage of a network.

    The stage is the largest module that ends with the last layer before the head and has at most half of the layers
    with weights: the last of four stages of a ResNet, the last block of a transformer.

    Parameters
    ----------
    model : nn.Module
        A network whose modules are defined in the order in which they are used.
    head : collection of str
        Names of the parameters of the head.

    Returns
    -------
    set of str
        Names of the parameters of the stage and of all modules defined after it.

    Raises
    ------
    BenchError
        If the network has no layer before its head.
    """
    names = [name for name, _ in model.named_modules()]
    layers = [name for name in names if _has_weights(model, name, head)]
    if not layers:
        raise BenchError(f"{type(model).__name__} has no layers before its head; set train to all or head")
    stage = layers[-1]
    while "." in stage:
        above = stage.rpartition(".")[0]
        inside = [name for name in layers if name.startswith(f"{above}.")]
        if 2 * len(inside) > len(layers) or inside != layers[-len(inside) :]:
            break
        stage = above
    later = {name for name in names[names.index(stage) :] if not stage.startswith(f"{name}.")}
    return {name for name, _ in model.named_parameters() if name.rpartition(".")[0] in later}


def differing(one: nn.Module, other: nn.Module) -> set[str]:
    """Return the names of the parameters of a network that another one lacks or has in another shape."""
    shapes = {name: weight.shape for name, weight in other.named_parameters()}
    return {name for name, weight in one.named_parameters() if shapes.get(name) != weight.shape}


class _Resting:
    """Forward hook that keeps the frozen parts of a network in evaluation mode, also during training."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __call__(self, model: nn.Module, inputs: tuple[Tensor]) -> None:
        for name in self.names:
            model.get_submodule(name).eval()


def _has_weights(model: nn.Module, name: str, head: Collection[str]) -> bool:
    """Whether a module has a weight of two or more axes of its own that is not of the head."""
    own = model.get_submodule(name).named_parameters(recurse=False)
    return any(weight.ndim > 1 and _joined(name, key) not in head for key, weight in own)


def _joined(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name
