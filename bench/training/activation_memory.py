"""Memory of the activations that a training step keeps for its gradients.

It counts the bytes of the tensors that autograd saves, each memory once for as long as it is saved, and takes the
largest sum at one time. Weights and buffers of the network are left out, and so is what has no gradient, what an
operation needs while it runs, the gradients, the optimiser and the scans of other batches. So it is the part of the
memory that depends on how a network is trained, and the same on every machine; it is less than what a process needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ActivationMemory:
    """Bytes that are saved for gradients now, and the most at one time."""

    def __init__(self, model: nn.Module) -> None:
        self.now, self.most = 0, 0
        self._own = {_address(each) for each in (*model.parameters(), *model.buffers())}
        self._saved: dict[int, int] = {}  # address -> how often it is saved

    def add(self, tensor: Tensor) -> None:
        """Count the memory of a tensor that is saved."""
        address = _address(tensor)
        self._saved[address] = self._saved.get(address, 0) + 1
        if self._saved[address] == 1 and address not in self._own:
            self.now += tensor.untyped_storage().nbytes()
            self.most = max(self.most, self.now)

    def remove(self, tensor: Tensor) -> None:
        """Count it no longer."""
        address = _address(tensor)
        self._saved[address] -= 1
        if not self._saved[address]:
            del self._saved[address]
            if address not in self._own:
                self.now -= tensor.untyped_storage().nbytes()


class _Saved:
    """A tensor from when it is saved until autograd frees it."""

    def __init__(self, tensor: Tensor, count: ActivationMemory) -> None:
        self.tensor, self._count = tensor, count
        count.add(tensor)

    def __del__(self) -> None:
        self._count.remove(self.tensor)


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


@contextmanager
def activation_memory(model: nn.Module, watch: bool = True) -> Iterator[ActivationMemory]:
    """Count what autograd saves inside this context; the numbers that are computed are the same.

    Parameters
    ----------
    model : nn.Module
        Its weights and buffers are not counted.
    watch : bool
        False: count nothing, at no cost.

    Yields
    ------
    ActivationMemory
        `most` in bytes.
    """
    count = ActivationMemory(model if watch else nn.Identity())
    if not watch:
        yield count
        return
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: _Saved(tensor, count), lambda saved: saved.tensor):
        yield count
