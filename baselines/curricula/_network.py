"""Checks before training whether a network supports a curriculum, by building it once."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

from bench.core import Task
from bench.method import Method

FAULTS = (RuntimeError, ValueError, AssertionError, IndexError, TypeError)  # errors of networks on unsupported sizes


def built(method: Method, task: Task, shape: tuple[int, ...]) -> nn.Module:
    """Build the untrained network of a method without changing the global random state."""
    with torch.random.fork_rng(devices=[]):
        return method.build(task, shape)


def unread(method: Method, task: Task, shape: tuple[int, ...], sizes: Iterable[tuple[int, ...]]) -> str | None:
    """The error of the network on scans of one of the sizes; None if it supports them all.

    shape: (C, ...) that it is built for. It runs on meta tensors if the network supports them, else on zeros of the
    smallest size.
    """
    sizes = sorted(set(sizes))
    network = built(method, task, shape).train()
    shadow = copy.deepcopy(network).to("meta")
    if _fault(shadow, task, shape, "meta"):
        shadow, sizes = network, sizes[:1]
    device = next((weight.device for weight in shadow.parameters()), "cpu")
    for size in sizes:
        if fault := _fault(shadow, task, (shape[0], *size), device):
            return f"the network for {_size_text(shape[1:])} does not support {_size_text(size)}: {fault}"
    return None


def _fault(network: nn.Module, task: Task, shape: tuple[int, ...], device: torch.device | str) -> str | None:
    try:
        with torch.no_grad():
            answer = network(torch.zeros(2, *shape, device=device))
    except FAULTS as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    expected = (2, task.outputs, *(shape[1:] if task.per_voxel else ()))
    return None if tuple(answer.shape) == expected else f"its output is {tuple(answer.shape)}, not {expected}"


def _size_text(size: tuple[int, ...]) -> str:
    return " x ".join(str(each) for each in size)
