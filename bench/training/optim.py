"""Optimiser and memory format of a network, chosen for speed; what the network computes is unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from bench.method import Method
from bench.training import curriculum_hooks

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


def optimiser(method: Method, model: nn.Module, layered: bool, captured: bool = False) -> torch.optim.Optimizer:
    """The method's optimiser of the trained weights. layered: with parameter groups for each layer.

    It is the fused form: one pass over each weight (over all weights on a GPU) instead of a dozen small ones. On a GPU,
    and where steps are captured, learning rates are tensors: a graph would repeat a Python number for ever.
    """
    groups = parameter_groups(method, model, layered)
    more: dict[str, Any] = {}
    if method.optimiser == "sgd":
        more = {"momentum": method.momentum, "nesterov": method.momentum > 0}
    elif captured:
        more = {"capturable": True}
    on_gpu = any(weight.is_cuda for weight in model.parameters())
    if captured or on_gpu:
        for group in groups:  # the fused kernels of a GPU read float32; on a processor float64 is what a float is
            device, kind = group["params"][0].device, torch.float32 if on_gpu else torch.float64
            group["lr"] = torch.tensor(method.lr, device=device, dtype=kind)
    kind = OPTIMISERS[method.optimiser]
    result = kind(groups, lr=method.lr, weight_decay=method.weight_decay, fused=True, **more)
    if captured:
        result._warned_capturable_if_run_uncaptured = True  # some steps are taken without a graph, on purpose
    return result


def parameter_groups(method: Method, model: nn.Module, layered: bool) -> list[dict[str, Any]]:
    """The trained weights with number of the layer and factor of the learning rate; some without weight decay.

    With `layer_decay` the last layer has the full learning rate, and each layer before it that of the next times the
    decay. With `decays=matrices` weights of fewer than two axes (biases, norms, scales) do not decay.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    parts = curriculum_hooks.layers(model) if layered or method.layer_decay != 1 else [trained]
    groups: list[dict[str, Any]] = []
    for number, weights in enumerate(parts):
        entry = {"layer": number, "factor": method.layer_decay ** (len(parts) - 1 - number)}
        decaying = [weight for weight in weights if method.decays == "all" or weight.ndim > 1]
        others = [weight for weight in weights if method.decays != "all" and weight.ndim < 2]
        groups += [{"params": decaying, **entry}] if decaying else []
        groups += [{"params": others, "weight_decay": 0.0, **entry}] if others else []
    return groups


def rates(groups: Sequence[dict[str, Any]], lr: float, by_layer: Sequence[float] | None) -> list[float]:
    """The learning rate of every group. by_layer: factor of each layer from the curriculum, if it has them."""
    return [lr * group["factor"] * (by_layer[group["layer"]] if by_layer else 1.0) for group in groups]


def set_rates(groups: Sequence[dict[str, Any]], values: Sequence[float]) -> None:
    """Set the learning rates, one for each group; those that are tensors are written in place."""
    for group, rate in zip(groups, values, strict=True):
        if isinstance(group.get("lr"), torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def clip_gradients(groups: Sequence[dict[str, Any]], most: float) -> None:
    """Scale the gradient of all weights together to a norm of at most `most`; 0: leave it."""
    if most:
        torch.nn.utils.clip_grad_norm_([weight for group in groups for weight in group["params"]], most)


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
