"""Resources of Ray Tune: the nodes, what a candidate requests of one, and how many candidates run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError, Trial, plain
from bench.experiments.launch import code_archive, node_agent
from bench.experiments.launch.jobs import memory_kind
from bench.experiments.launch.nodes import TINY, Node, NodeCheck, find_nodes, pin_to_node
from bench.experiments.launch.resources import ResourceRequest, alone, lacking, need


@dataclass(frozen=True)
class RayTarget:
    """The Ray cluster that trains candidates; the default is this machine."""

    address: str = ""  # of a running Ray cluster; empty: Ray is started on this machine
    peaks: dict[tuple[str, str], float] = field(default_factory=dict)  # (device, kind of trial) -> megabytes
    notify: Callable[[str], None] = lambda message: None  # called with messages for the user

    @property
    def is_local(self) -> bool:
        """Whether Ray is started on this machine."""
        return not self.address


def request_resources(
    ray: Any, trial: Trial, folder: Path, target: RayTarget
) -> tuple[ResourceRequest, int, dict[str, Any]]:
    """Resources of a candidate on any node, number of candidates at once, and the settings of the workers.

    folder: of the search, to test whether nodes see it. BenchError if no node is large enough for a candidate;
    RunAbortedError if the files of a node differ from those of this machine.
    """
    code_archive.by_value(ray)
    with NodeCheck(ray, folder, [trial], target.is_local) as check:
        nodes = find_nodes(ray, check, target.notify)
        if other := sorted(node.name for node in nodes if node.shipped):
            raise RunAbortedError(
                f"node {', '.join(other)}: its files of bench or of the plug-ins differ from those of this machine;"
                " install the same version there, or share one folder with all nodes"
            )
        setting = {name: check.question[name] for name in ("plugins", "data_root", "forced")}
        setting["nodes"] = {} if target.is_local else {node.id: node.name for node in nodes}
    if apart := sorted(node.name for node in nodes if not node.shared):
        target.notify(
            f"nodes that do not see {folder} cannot resume a lost candidate, it starts over: {', '.join(apart)}"
        )
    _measure(ray, trial, nodes, setting, target)
    needs = {node.id: request for node in nodes if (request := need(trial, node, target.peaks))}
    if not needs:
        raise BenchError(lacking(trial, nodes, target.peaks))
    most = ResourceRequest(*(max(getattr(one, name) for one in needs.values()) for name in ("cpus", "gpu", "memory")))
    return most, max(1, sum(_fit(node, most) for node in nodes if node.id in needs)), setting


def _fit(node: Node, wanted: ResourceRequest) -> int:
    """Number of candidates that fit on a node at once."""
    return min(int(node.total.get(name, 0) / amount + TINY) for name, amount in wanted.resources.items())


def _measure(ray: Any, trial: Trial, nodes: Sequence[Node], setting: dict[str, Any], target: RayTarget) -> None:
    """Measure the peak memory on each kind of GPU that candidates share: two steps, alone on the GPU."""
    for node in nodes:
        kind = node.device, memory_kind(trial)
        if not (node.total.get("GPU") and node.gpu_mb) or kind in target.peaks:
            continue
        own = alone(trial, node)
        options = {
            "num_cpus": own.cpus,
            "num_gpus": own.gpu,
            "max_retries": 0,
            "scheduling_strategy": pin_to_node(ray, node),
        }
        peak = ray.get(ray.remote(_peak_in_worker).options(**options).remote(plain(trial), setting))
        target.peaks[kind] = node.gpu_mb / 4 / 1.5 if peak is None else peak  # if it failed: about a quarter of a GPU


def _peak_in_worker(trial: dict[str, Any], setting: dict[str, Any]) -> float | None:
    """Runs in a worker: the peak memory of a training in megabytes; None if it could not be measured."""
    node_agent.prepare_worker(setting, setting["plugins"])
    from bench.experiments.launch.worker import measure_peak

    return measure_peak(None, Trial.parse(trial))[1]
