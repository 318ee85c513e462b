"""A graph for processors: records the operations of a step and repeats them on the same memory, as a CUDA graph does.

Python code runs once, at the capture: what it computes in Python numbers is frozen, here as there. What waits for the
device cannot be captured: numbers read from a tensor, shapes that depend on contents, tensors made of Python numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.training.capture.graph_interface import CapturedGraph, CaptureError, GraphSource

WAITING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
NAMES = {f"aten::{name}" for name in ("item", "is_nonzero", "equal", "lift_fresh")}  # some have no such tag


class RecorderSource(GraphSource):
    """Makes recorders, and counts what they do."""

    timed = False

    def __init__(self) -> None:
        self.captures = self.replays = self.warm_ups = 0

    def new(self, generators: Sequence[torch.Generator] = ()) -> CapturedGraph:
        return Recorder(self)

    def synchronise(self) -> None:
        pass


class Recorder(CapturedGraph):
    """A list of operations with the tensors that they read and wrote."""

    def __init__(self, source: RecorderSource) -> None:
        self._source, self._entries = source, []
        self._context: Callable = torch.no_grad

    def warm_up(self, call):
        self._source.warm_ups += 1
        return call()

    def capture(self, call):
        self._source.captures += 1
        self._context = torch.inference_mode if torch.is_inference_mode_enabled() else torch.no_grad
        with _OneHot(), _Recording(self._entries):
            return call()

    def replay(self) -> None:
        self._source.replays += 1
        with self._context():
            for function, args, kwargs, outputs in self._entries:
                again = tree_leaves(function(*args, **kwargs))
                for before, now in zip(outputs, again, strict=True):
                    if isinstance(before, Tensor) and before.data_ptr() != now.data_ptr():
                        before.copy_(now)


class _Recording(TorchDispatchMode):
    def __init__(self, entries: list) -> None:
        super().__init__()
        self._entries = entries

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if WAITING & set(function.tags) or function._schema.name in NAMES:
            raise CaptureError(f"{function} waits for the device")
        result = function(*args, **(kwargs or {}))
        self._entries.append((function, args, kwargs or {}, tree_leaves(result)))
        return result


class _OneHot(TorchFunctionMode):
    """On a processor torch reads the classes to check them; on a GPU it does not."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.one_hot and len(args) == 2:
            return (args[0][..., None] == torch.arange(args[1], device=args[0].device)).long()
        return function(*args, **(kwargs or {}))
