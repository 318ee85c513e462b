"""A copy of everything that optimiser steps change, to take the same steps again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bench.method import Method
from bench.training.checkpoint import TrainingState

PLAIN = (bool, int, float, str, type(None))


class TrainingSnapshot:
    """Weights, buffers, optimiser, average, generators, and plain numbers that a network or a method counts in."""

    def __init__(self, training: TrainingState, method: Method) -> None:
        self._tensors = [(each, each.detach().clone()) for each in _changing(training)]
        self._random = RandomState(training.model, training.last_losses.device)
        owners = [method, *training.model.modules()]
        self._numbers = [(vars(each), _plain(vars(each))) for each in owners]

    def restore(self) -> None:
        """Write the copies back into the tensors they were made of."""
        with torch.no_grad():
            for each, copy in self._tensors:
                each.copy_(copy)
        self._random.restore()
        for owner, numbers in self._numbers:
            owner.update(numbers)

    @torch.no_grad()
    def difference(self) -> float:
        """The largest difference between the copies and the tensors now, as a share of each tensor's largest value."""
        shares = [
            (each - copy).abs().max() / copy.abs().max().clamp_min(1e-12)
            for each, copy in self._tensors
            if copy.is_floating_point() and copy.numel()
        ]
        return float(torch.stack([each.double() for each in shares]).max()) if shares else 0.0


class RandomState:
    """The states of torch's generators, and of those that the modules of a network hold."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._device = device
        self._main = torch.get_rng_state()
        self._gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        self._own = [(each, each.get_state()) for each in own_generators(model)]

    def restore(self) -> None:
        """Set the generators back."""
        torch.set_rng_state(self._main)
        if self._gpu is not None:
            torch.cuda.set_rng_state(self._gpu, self._device)
        for each, state in self._own:
            each.set_state(state)


def own_generators(model: nn.Module) -> list[torch.Generator]:
    """The generators that modules hold as attributes."""
    return [each for module in model.modules() for each in vars(module).values() if isinstance(each, torch.Generator)]


def _changing(training: TrainingState) -> Iterator[Tensor]:
    networks = [training.model] if training.average is None else [training.model, training.average]
    for network in networks:
        yield from network.parameters()
        yield from network.buffers()
    for entries in training.optimiser.state.values():
        yield from (value for value in entries.values() if isinstance(value, Tensor))


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if isinstance(value, PLAIN)}
