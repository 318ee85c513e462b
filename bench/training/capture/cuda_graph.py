"""CUDA graphs: all kernels of a step are started by one call, which a small network waits for otherwise."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from bench.core import BenchError
from bench.training.capture.graph_interface import Call, CapturedGraph, CaptureError, GraphSource

VARIABLE = "BENCH_GRAPH"  # off, or auto
CHOICES = ("auto", "off")


def graph_source(device: torch.device) -> GraphSource | None:
    """The graphs of a training on `device`; None on a processor, and unless `$BENCH_GRAPH` is auto.

    BenchError if the variable has another value.
    """
    choice = os.environ.get(VARIABLE, "off") or "off"
    if choice not in CHOICES:
        raise BenchError(f"${VARIABLE} is {choice!r}; it must be {' or '.join(CHOICES)}")
    return CudaGraphs(device) if device.type == "cuda" and choice != "off" else None


class CudaGraphs(GraphSource):
    """Graphs on one GPU with one side stream and one pool of memory: they never run at the same time."""

    timed = True

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def new(self, generators: Sequence[torch.Generator] = ()) -> CapturedGraph:
        return _CudaGraph(self._device, self._stream, self._pool, generators)

    def synchronise(self) -> None:
        torch.cuda.synchronize(self._device)


class _CudaGraph(CapturedGraph):
    def __init__(
        self,
        device: torch.device,
        stream: torch.cuda.Stream,
        pool: tuple[int, int],
        generators: Sequence[torch.Generator],
    ) -> None:
        self._device, self._stream, self._pool, self._generators = device, stream, pool, generators
        self._graph = torch.cuda.CUDAGraph()

    def warm_up(self, call: Call) -> Tensor:
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = call()
        current.wait_stream(self._stream)
        return result

    def capture(self, call: Call) -> Tensor:
        for each in self._generators:  # torch registers its default generator itself
            self._graph.register_generator_state(each)
        current = torch.cuda.current_stream(self._device)
        try:
            with (
                _no_collection(),  # what it frees could wait for the device
                torch.cuda.graph(self._graph, self._pool, self._stream, capture_error_mode="thread_local"),
            ):
                return call()
        except Exception as error:  # of the method or of CUDA: each is a reason
            torch.cuda.set_stream(current)  # a capture that fails at its end leaves its own stream
            self._leave_capture()
            raise CaptureError(_reason(error)) from error

    def replay(self) -> None:
        self._graph.replay()

    def _leave_capture(self) -> None:
        """A capture that failed leaves the generator in the state of a capture: give it a new state, equal to that."""
        for each in (torch.cuda.default_generators[torch.cuda.current_device()], *self._generators):
            with contextlib.suppress(RuntimeError):
                each.graphsafe_set_state(each.clone_state())


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _reason(error: BaseException) -> str:
    """The first line of the error that came first: the end of a failed capture raises another one."""
    first = error.__context__ if error.__context__ is not None else error
    return f"{type(first).__name__}: {(str(first) or 'no message').splitlines()[0]}"
