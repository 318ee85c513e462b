"""The network at evaluation points, as a recorded graph for each shape of a batch where that gives the same outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.training.capture.graph_interface import CapturedGraph, CaptureError, GraphSource
from bench.training.capture.step_comparison import LITTLE

MOST = 4  # graphs: of whole batches and of the last ones


@dataclass(frozen=True)
class _Forward:
    graph: CapturedGraph
    x: Tensor
    output: Tensor


class CapturedForward:
    """Calls a network that does not learn meanwhile; its weights may change between two calls, in place.

    A shape is recorded when it comes for the second time. The first output of a graph is compared with the usual one,
    which is returned; if they differ by more than rounding, the network is called in the usual way from then on.
    """

    def __init__(self, model: nn.Module, source: GraphSource) -> None:
        self.model, self._source = model, source
        self._called: set[tuple] = set()
        self._graphs: dict[tuple, _Forward] = {}
        self.reason = ""

    def facts(self) -> dict[str, Any]:
        """What the record says: graphs, and why there is none."""
        return {"evaluation_graphs": len(self._graphs), **({"evaluation": self.reason} if self.reason else {})}

    def eval(self) -> CapturedForward:
        """The network in evaluation mode."""
        self.model.eval()
        return self

    def __call__(self, x: Tensor) -> Tensor:
        """The output for scans (B, C, ...)."""
        key = tuple(x.shape), x.stride(), x.dtype
        if recorded := self._graphs.get(key):
            recorded.x.copy_(x)
            recorded.graph.replay()
            return recorded.output.clone()
        output = self.model(x)
        if not self.reason and key in self._called and len(self._graphs) < MOST:
            self._record(key, x, output)
        self._called.add(key)
        return output

    def _record(self, key: tuple, x: Tensor, expected: Tensor) -> None:
        try:
            fixed, graph = x.clone(), self._source.new()

            def call() -> Tensor:
                with _without_cache(x.device):
                    return self.model(fixed)

            graph.warm_up(call)
            output = graph.capture(call)
            graph.replay()
            gap = (output.float() - expected.float()).abs().max() / expected.float().abs().max().clamp_min(1e-12)
            if not float(gap) <= LITTLE:  # NaN too
                raise CaptureError(f"outputs of a graph differ by {float(gap):.1e} of their size")
            self._graphs[key] = _Forward(graph, fixed, output)
        except CaptureError as error:
            self._stop(str(error))
        except Exception as error:  # what can be called in the usual way is not to end because of its graph
            self._stop(f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}")

    def _stop(self, reason: str) -> None:
        self.reason = reason
        self._graphs.clear()


def _without_cache(device: torch.device) -> torch.autocast:
    """Autocast as it is, without weights that were cast before: a graph would read those for ever."""
    return torch.autocast(
        device.type,
        torch.get_autocast_dtype(device.type),
        enabled=torch.is_autocast_enabled(device.type),
        cache_enabled=False,
    )
