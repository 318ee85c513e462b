"""How the weights of a network lie and are updated, so that a step is quick: what it computes stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from bench.method import Method

OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


@contextmanager
def laid(model: nn.Module, device: torch.device) -> Iterator[None]:
    """The network, which is on the device already, prepared for training there; on a processor as it was afterwards."""
    if device.type == "cuda":
        _lay_channels_last(model)
        yield
        return
    marked = _mark_pointwise(model)
    try:
        yield
    finally:
        for module in marked:
            module.dilation = (1,) * len(module.kernel_size)


def optimiser(method: Method, groups: list) -> torch.optim.Optimizer:
    """The method's optimiser for parameters or groups of them.

    Fused: one pass over each weight, or over all of them on a GPU, where the plain form makes a dozen small ones.
    """
    more = {"momentum": 0.9, "nesterov": True} if method.optimiser == "sgd" else {}
    kind = OPTIMISERS[method.optimiser]
    return kind(groups, lr=method.lr, weight_decay=method.weight_decay, fused=True, **more)


def _lay_channels_last(model: nn.Module) -> None:
    """Each weight of a convolution in the layout that GPUs read fastest, by its own rank."""
    for weight in model.parameters():
        if weight.ndim in (4, 5):
            form = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
            weight.data = weight.data.to(memory_format=form)


def _mark_pointwise(model: nn.Module) -> list[nn.Module]:
    """Say that pointwise convolutions are dilated, which means nothing where the kernel is one wide; returns them.

    With one thread and fewer than 16 scans torch computes undilated ones without oneDNN, which is slower; the benchmark
    `networks` measures by how much.
    """
    found = [module for module in model.modules() if type(module) in (nn.Conv2d, nn.Conv3d)]
    found = [module for module in found if set(module.kernel_size) | set(module.dilation) == {1}]
    for module in found:
        module.dilation = (2,) * len(module.kernel_size)
    return found
