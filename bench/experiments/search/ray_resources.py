"""Where Ray Tune may train candidates: the nodes, what a candidate takes of one, how many there is room for at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError, Trial, plain
from bench.experiments.launch import code_archive, node_agent
from bench.experiments.launch.jobs import memory_kind
from bench.experiments.launch.nodes import TINY, Node, NodeCheck, at, gathered
from bench.experiments.launch.resources import ResourceRequest, alone, lacking, need


@dataclass(frozen=True)
class RayTarget:
    """Where candidates are trained."""

    address: str = ""  # of a Ray cluster that runs already; empty: Ray is begun on this machine
    peaks: dict[tuple[str, str], float] = field(default_factory=dict)  # (device, kind of trial) -> megabytes
    tell: Callable[[str], None] = lambda words: None  # is given what a person should know

    @property
    def here(self) -> bool:
        """Whether it is this machine, as it is."""
        return not self.address


def room(ray: Any, trial: Trial, folder: Path, place: RayTarget) -> tuple[ResourceRequest, int, dict[str, Any]]:
    """What a candidate needs of any node, how many there is room for, and what a worker is told to find data by.

    folder: where whoever asks may leave a file. BenchError where nothing could ever hold a candidate; HaltError where
    the nodes differ from this machine.
    """
    code_archive.by_value(ray)
    with NodeCheck(ray, folder, [trial], place.here) as inspection:
        nodes = gathered(ray, inspection, place.tell)
        if other := sorted(node.name for node in nodes if node.shipped):
            raise RunAbortedError(
                f"node {', '.join(other)}: its files of bench, or of the plug-ins, are not those of this machine, and a"
                " search sends none; install the same version there, or let all nodes see one folder with it"
            )
        setting = {name: inspection.question[name] for name in ("plugins", "data_root", "forced")}
    if apart := sorted(node.name for node in nodes if not node.shared):
        place.tell(f"a candidate that is lost is begun anew on nodes that do not see {folder}: {', '.join(apart)}")
    _measure(ray, trial, nodes, setting, place)
    needs = {node.id: found for node in nodes if (found := need(trial, node, place.peaks))}
    if not needs:
        raise BenchError(lacking(trial, nodes, place.peaks))
    most = ResourceRequest(*(max(getattr(one, name) for one in needs.values()) for name in ("cpus", "gpu", "memory")))
    return most, max(1, sum(_fit(node, most) for node in nodes if node.id in needs)), setting


def _fit(node: Node, wanted: ResourceRequest) -> int:
    """How many fit on a node at once."""
    return min(int(node.total.get(name, 0) / amount + TINY) for name, amount in wanted.resources.items())


def _measure(ray: Any, trial: Trial, nodes: Sequence[Node], setting: dict[str, Any], place: RayTarget) -> None:
    """Where GPUs are shared and nobody has measured such a trial: two steps of it, alone on a GPU of each device."""
    for node in nodes:
        kind = node.device, memory_kind(trial)
        if not (node.total.get("GPU") and node.gpu_mb) or kind in place.peaks:
            continue
        own = alone(trial, node)
        options = {"num_cpus": own.cpus, "num_gpus": own.gpu, "max_retries": 0, "scheduling_strategy": at(ray, node)}
        peak = ray.get(ray.remote(_peak_in_worker).options(**options).remote(plain(trial), setting))
        place.peaks[kind] = node.gpu_mb / 4 / 1.5 if peak is None else peak  # else about a quarter of a GPU


def _peak_in_worker(trial: dict[str, Any], setting: dict[str, Any]) -> float | None:
    """Runs in a worker: the peak memory of a training in megabytes; None if it could not be measured."""
    node_agent.prepare_worker(setting, setting["plugins"])
    from bench.experiments.launch.worker import measure_peak

    return measure_peak(None, Trial.parse(trial))[1]
