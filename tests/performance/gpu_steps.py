"""A training step without and with a CUDA graph: seconds, how busy the GPU is, and whether the losses are equal."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from performance import busy
from performance.gpu_networks import NETWORKS, Measured, training
from performance.measure import Result

if TYPE_CHECKING:
    from bench.training.capture.graph_interface import GraphSource

STEPS, POINTS = 90, 3  # timed from the first evaluation on: kernels are loaded then, and steps captured
SMALL_STEPS, SMALL_POINTS = 12, 2
COMPARED = (
    "a step with a CUDA graph over one without, in bench.training.loop.fit: 8 random scans, bf16, data on the device,"
    " the steps from the first evaluation point to the last with the evaluations between; losses are those of the"
    " evaluation points"
)


@dataclass
class Run:
    """What came of a training."""

    losses: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    graph: dict = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def step_seconds(self, steps: int) -> float:
        """Of a step between the first evaluation point and the last, with the evaluations."""
        return (self.times[-1] - self.times[0]) / (steps * (len(self.times) - 1) / len(self.times))


def graphs(rehearse: bool) -> GraphSource:
    """CUDA graphs, or in a rehearsal the recorder of the tests."""
    if rehearse:
        from step_recorder import RecorderSource

        return RecorderSource()
    from bench.training.capture.cuda_graph import CudaGraphs
    from bench.training.device import default_device

    return CudaGraphs(default_device())


def measured(name: str, rehearse: bool) -> Result:
    """The ratio for one network, with seconds, losses and what its training says of the graph."""
    network = NETWORKS[name]
    usual, graphed = (_run(network, rehearse, each) for each in (None, graphs(rehearse)))
    pairs = list(zip(usual.losses, graphed.losses, strict=True))
    gap = max(abs(one - other) / max(abs(one), 1e-12) for one, other in pairs)
    seconds = [each.step_seconds(SMALL_STEPS if rehearse else STEPS) for each in (usual, graphed)]
    details = {
        "usual ms": 1000 * seconds[0],
        "graph ms": 1000 * seconds[1],
        "losses equal to the bit": float(usual.losses == graphed.losses),
        "largest relative difference of losses": gap,
        **{key: float(value) for key, value in graphed.graph.items() if isinstance(value, (bool, int, float))},
        **{f"{key}, usual": value for key, value in usual.busy.items()},
        **{f"{key}, graph": value for key, value in graphed.busy.items()},
    }
    why = "" if graphed.graph["used"] else f"; no graph was used: {graphed.graph.get('reason', '')}"
    return Result(f"step of {name}", [seconds[1] / seconds[0]], compared=COMPARED + why, details=details)


def _run(network: Measured, rehearse: bool, source: GraphSource | None) -> Run:
    from bench.core import Recipe
    from bench.training import loop
    from bench.training.capture import captured_steps
    from bench.training.device import enable_determinism

    enable_determinism(1)
    recipe = Recipe(SMALL_STEPS, 2, SMALL_POINTS) if rehearse else Recipe(STEPS, 8, POINTS)
    least = 0 if rehearse else captured_steps.LEAST_LEFT
    run = Run()

    def point(each) -> None:
        run.losses += [each.train_loss, each.val_loss]
        run.times.append(time.perf_counter())

    left = mock.patch.object(captured_steps, "LEAST_LEFT", least)  # few steps are enough for a rehearsal
    with tempfile.TemporaryDirectory() as folder, busy.observed() as shares, left:
        setup = training(network, rehearse, recipe, Path(folder), source)
        shape = network.small if rehearse else network.shape
        run.graph = dict(loop.fit(replace(setup, on_evaluation=point), shape).graph)
        run.busy = busy.mean_share(shares, run.times[0], run.times[-1])
    return run
