"""What is known of CUDA graphs without a GPU: when there is one, and what a failed capture leaves behind."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench.core import BenchError
from bench.training.capture import cuda_graph
from bench.training.capture.graph_interface import CaptureError
from bench.training.capture.training_snapshot import RandomState, own_generators


def test_there_is_no_graph_on_a_processor_or_where_nobody_asked_for_it(monkeypatch):
    monkeypatch.delenv("BENCH_GRAPH", raising=False)
    assert cuda_graph.graph_source(torch.device("cuda")) is None
    monkeypatch.setenv("BENCH_GRAPH", "auto")
    assert cuda_graph.graph_source(torch.device("cpu")) is None
    monkeypatch.setenv("BENCH_GRAPH", "off")
    assert cuda_graph.graph_source(torch.device("cuda")) is None
    monkeypatch.setenv("BENCH_GRAPH", "of")
    with pytest.raises(BenchError, match="BENCH_GRAPH is 'of'; it must be auto or off"):
        cuda_graph.graph_source(torch.device("cpu"))


class Capture:
    """In the place of torch.cuda.graph: the end of a capture that was made invalid raises an error of its own."""

    def __init__(self, graph, pool, stream, capture_error_mode):
        self.mode = capture_error_mode

    def __enter__(self):
        assert self.mode == "thread_local"

    def __exit__(self, kind, *_):
        if kind is not None:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture\nmore lines")


@pytest.fixture
def graph(monkeypatch):
    """A graph, the streams that were set and the generator of a device that is not there."""
    generator, streams = torch.Generator().manual_seed(5), []
    safe = SimpleNamespace(renewed=0, clone_state=generator.clone_state)
    safe.graphsafe_set_state = lambda state: setattr(safe, "renewed", safe.renewed + 1)
    registered = []
    fake = SimpleNamespace(
        graph=Capture,
        CUDAGraph=lambda: SimpleNamespace(register_generator_state=registered.append),
        current_stream=lambda device: "usual",
        current_device=lambda: 0,
        set_stream=streams.append,
        default_generators=[safe],
    )
    monkeypatch.setattr(torch, "cuda", fake)
    own = SimpleNamespace(clone_state=lambda: None, graphsafe_set_state=lambda state: None)
    made = cuda_graph._CudaGraph(torch.device("cpu"), "side", (0, 1), [own])
    return SimpleNamespace(graph=made, streams=streams, generator=safe, registered=registered, own=own)


def test_a_failed_capture_gives_the_first_error_and_leaves_stream_and_generator_usable(graph):
    def call():
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")

    with pytest.raises(CaptureError) as caught:
        graph.graph.capture(call)
    assert str(caught.value) == "RuntimeError: operation not permitted when stream is capturing"
    assert graph.streams == ["usual"]
    assert graph.generator.renewed == 1
    assert graph.registered == [graph.own]


def test_a_capture_returns_what_the_work_returns_and_collects_no_garbage_meanwhile(graph):
    import gc

    assert graph.graph.capture(lambda: gc.isenabled()) is False
    assert gc.isenabled()
    assert graph.streams == []


def test_generators_of_modules_are_found_and_set_back():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].dice = torch.Generator().manual_seed(3)
    state = RandomState(model, torch.device("cpu"))
    first = torch.rand(3, generator=model[0].dice), torch.rand(3)
    state.restore()
    assert own_generators(model) == [model[0].dice]
    assert torch.equal(first[0], torch.rand(3, generator=model[0].dice))
    assert torch.equal(first[1], torch.rand(3))
