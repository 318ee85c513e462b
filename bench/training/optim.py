"""Optimiser and memory format of a network, chosen for speed; what the network computes is unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from bench.method import Method

OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


@contextmanager
def memory_format(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Context manager: the network in the fastest memory format of its device; restored on a CPU afterwards."""
    if device.type == "cuda":
        _use_channels_last(model)
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

    It is the fused form: one pass over each weight (over all weights on a GPU) instead of a dozen small ones.
    """
    more = {"momentum": 0.9, "nesterov": True} if method.optimiser == "sgd" else {}
    kind = OPTIMISERS[method.optimiser]
    return kind(groups, lr=method.lr, weight_decay=method.weight_decay, fused=True, **more)


def _use_channels_last(model: nn.Module) -> None:
    """Convert the weights of convolutions to channels-last, the fastest memory format on GPUs."""
    for weight in model.parameters():
        if weight.ndim in (4, 5):
            form = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
            weight.data = weight.data.to(memory_format=form)


def _mark_pointwise(model: nn.Module) -> list[nn.Module]:
    """Mark pointwise convolutions as dilated, which has no effect on a kernel of 1; returns them.

    With one thread and fewer than 16 scans torch computes undilated ones without oneDNN, which is slower; the benchmark
    `networks` measures by how much.
    """
    pointwise = [module for module in model.modules() if type(module) in (nn.Conv2d, nn.Conv3d)]
    pointwise = [module for module in pointwise if set(module.kernel_size) | set(module.dilation) == {1}]
    for module in pointwise:
        module.dilation = (2,) * len(module.kernel_size)
    return pointwise
