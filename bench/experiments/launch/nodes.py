"""The nodes of a cluster: free resources, and whether packages, code and data equal those of this machine."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core import DataSpec, RunAbortedError, Trial, paths
from bench.data.prepared import folder_of
from bench.experiments.launch import node_agent
from bench.experiments.launch.cluster_wait import TINY
from bench.storage.atomic_io import disk_errors

PACKAGES = ("python", "ray", "torch", "numpy", "scipy", "scikit-learn", "scikit-image", "timm", "monai", "einops")
PACKAGES += ("nibabel", "isal", "pillow", "safetensors")  # results and the reading of scans depend on these
WAIT = 60.0  # seconds that a node may take to answer its check
AGAIN = 1.0  # seconds between two polls of an answer
GONE = "it left the cluster"


@dataclass
class Node:
    """A node that trials may run on. Amounts of resources as Ray names them."""

    id: str
    name: str
    total: dict[str, float]
    local: bool = False  # this process started Ray: the node is this machine and needs no check
    free: dict[str, float] = field(default_factory=dict)  # not used by trials of this run
    others: dict[str, float] = field(default_factory=dict)  # of `free`, the amount that other programs use
    seen: dict[str, float] = field(default_factory=dict)  # `others` at the last poll alone
    gpu_mb: float = 0.0  # memory of one of its GPUs
    memory_mb: float = 0.0  # main memory; 0: not known
    device: str = "cpu"  # what trials run on there
    shared: bool = True  # True if it sees the results folder
    shipped: bool = False  # True if the code is sent to it

    def __post_init__(self) -> None:
        self.free = dict(self.free or self.total)

    def room(self, wanted: dict[str, float]) -> bool:
        """True if these amounts are free."""
        return all(self.left(name) + TINY >= amount for name, amount in wanted.items())

    def left(self, name: str) -> float:
        """The amount of a resource that neither the trials of this run nor others use."""
        return self.free.get(name, 0.0) - self.others.get(name, 0.0)

    def take(self, wanted: dict[str, float]) -> None:
        """Subtract these amounts from what is free."""
        for name, amount in wanted.items():
            self.free[name] = self.free.get(name, 0.0) - amount

    def give(self, wanted: dict[str, float]) -> None:
        """Add these amounts to what is free."""
        self.take({name: -amount for name, amount in wanted.items()})


def living(ray: Any, local: bool) -> dict[str, Node]:
    """The nodes that could run trials now, by id."""
    entries = [entry for entry in ray.nodes() if entry["Alive"] and entry["Resources"].get("CPU", 0) >= 1]
    return {entry["NodeID"]: _node(entry, local) for entry in entries}


def _node(entry: dict[str, Any], local: bool) -> Node:
    total = {name: amount for name, amount in entry["Resources"].items() if name in ("CPU", "GPU", "memory")}
    node = Node(entry["NodeID"], entry["NodeName"] or entry["NodeManagerAddress"], total, local)
    node.gpu_mb = entry["Resources"].get("gpu_memory_mb", 0.0)  # a node may declare it if it has no nvidia-smi
    return node


class NodeCheck:
    """Checks every node before it gets a trial: versions, code, data, memory."""

    def __init__(self, ray: Any, folder: Path, trials: Sequence[Trial], local: bool) -> None:
        """folder: every node is checked for whether it sees this one."""
        self.ray, self.local = ray, local
        self.token = folder / f".shared-{uuid.uuid4().hex[:8]}"
        self.plugins = [folder.resolve() for folder in paths.plugin_folders()]
        self.data = {_prepared(spec): spec for trial in trials for spec in _specs(trial)}
        self.code = node_agent.folders_checksum([*node_agent.folders_of_code(), *self.plugins])
        self.question = {
            "versions": PACKAGES,
            "plugins": [str(folder) for folder in self.plugins],
            "token": str(self.token.resolve()),
            "secret": uuid.uuid4().hex,
            "data_root": str(paths.data_root().resolve()),
            "forced": local,
            "data": list(self.data),
        }

    def __enter__(self) -> NodeCheck:
        with disk_errors(self.token.parent):
            self.token.write_text(self.question["secret"], encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.token.unlink(missing_ok=True)

    def begin(self, node: Node) -> Any:
        """Start the check of a node; returns a reference for `end`."""
        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": pin_to_node(self.ray, node)}
        return self.ray.remote(node_agent.inspect_node).options(**options).remote(self.question)

    def all(self, nodes: Sequence[Node]) -> bool:
        """Check all nodes; True if all are still in the cluster. RunAbortedError that names every difference."""
        begun = [(node, self.begin(node)) for node in nodes]
        ended = [(node, self.end(node, reference)) for node, reference in begun]
        faults = [f"node {node.name}: {fault}" for node, differences in ended for fault in differences if fault != GONE]
        if faults:
            raise RunAbortedError("nodes of the cluster differ from this machine:\n  " + "\n  ".join(faults))
        return not any(differences for _, differences in ended)

    def end(self, node: Node, reference: Any) -> list[str]:
        """Store the answer of a node; returns why it cannot be used, GONE if it left the cluster.

        The check starts again if the scheduler of Ray does not know the node yet. A killed node counts as alive until
        its heartbeats are missed.
        """
        until, answer = time.monotonic() + WAIT, None
        while answer is None:
            try:
                answer = self.ray.get(reference, timeout=AGAIN)
            except self.ray.exceptions.RayError as error:
                if node.id not in living(self.ray, self.local):
                    return [GONE]
                waited = isinstance(error, self.ray.exceptions.GetTimeoutError)
                unplaced = isinstance(error, self.ray.exceptions.TaskUnschedulableError)
                if waited and time.monotonic() > until:
                    return [f"it did not answer within {WAIT:g} seconds"]
                if not waited and (not unplaced or time.monotonic() > until):
                    return [f"its check failed: {' '.join(str(error).split())[:300]}"]
                if unplaced:
                    time.sleep(AGAIN)
                    reference = self.begin(node)
        node.shared, node.shipped = answer["shared"], answer["code"] != self.code
        node.gpu_mb, node.memory_mb = answer["gpu_mb"] or node.gpu_mb, answer["memory_mb"]
        node.device = "cuda" if answer["gpu_mb"] and node.total.get("GPU") else "cpu"
        return [*self._other_versions(answer["versions"]), *self._other_data(answer)]

    def _other_versions(self, theirs: dict[str, str]) -> list[str]:
        pairs = [(name, node_agent.version_of(name), version) for name, version in theirs.items()]
        return [f"{name} {its or 'is missing'}, here {ours}" for name, ours, its in pairs if its != ours]

    def _other_data(self, answer: dict[str, Any]) -> list[str]:
        faults = []
        for folder, fingerprint in answer["data"].items():
            spec, place = self.data[folder], Path(answer["data_root"]) / folder
            if fingerprint is None:
                faults.append(f"{spec.name} is not prepared in {place}; prepare it there, or share the folder")
            elif fingerprint != spec.fingerprint:
                faults.append(
                    f"{spec.name} in {place} was prepared differently ({fingerprint}, here {spec.fingerprint})"
                )
        return faults


def find_nodes(ray: Any, inspection: NodeCheck, message: Callable[[str], None]) -> list[Node]:
    """The nodes that trials may run on, checked. RunAbortedError if one of them differs or there is none."""
    while True:
        alive = living(ray, inspection.local)
        if not alive:
            raise RunAbortedError("no node of the Ray cluster has a processor; start one with `ray start --address`")
        used = with_gpus(list(alive.values()), message)
        if inspection.local or inspection.all(used):
            break
    if inspection.local:
        for node in used:
            node.gpu_mb = node_agent.gpu_megabytes() if node.total.get("GPU") else 0.0
            node.device, node.memory_mb = "cuda" if node.gpu_mb else "cpu", node_agent.memory_megabytes()
    return used


def pin_to_node(ray: Any, node: Node) -> Any:
    """The scheduling strategy of Ray for exactly this node."""
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)


def with_gpus(nodes: Sequence[Node], message: Callable[[str], None]) -> list[Node]:
    """The nodes that a study runs on: only those with GPUs if there are any, as processors give other numbers."""
    gpus = [node for node in nodes if node.total.get("GPU")]
    if gpus and len(gpus) < len(nodes):
        message(f"trials run on the {len(gpus)} nodes with GPUs; the others would give other numbers")
    return gpus or list(nodes)


def _specs(trial: Trial) -> list[DataSpec]:
    return trial.data_sets


def _prepared(spec: DataSpec) -> str:
    return str(folder_of(spec.name, spec.params).relative_to(paths.data_root()))
