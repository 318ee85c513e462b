"""Resource requests of trials: processors, main memory and a share of a GPU, from measured peaks.

A trial gets as many processors as its recipe has threads. Records of trials with the same data, method and batch give
the peak memory, and so how many trials fit on a GPU and into main memory. On nodes with GPUs a kind without a measured
peak runs two steps first, alone on a GPU. A trial that can never fit is refused before anything runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core import BenchError, Trial
from bench.experiments.launch import node_agent
from bench.experiments.launch.jobs import memory_kind

if TYPE_CHECKING:
    from bench.experiments.launch.nodes import Node

CONTEXT = 600.0  # megabytes of a GPU that each process needs in addition to the memory that torch counts
MARGIN = 1.15  # over the measured peak: memory is lost between blocks
DEFAULT = 0.25  # of a GPU, if the peak is unknown: the networks under test are small
SMALL = 512.0  # megabytes of main memory, if the peak is unknown: small trials then go on in the process they find
GIGABYTE = 2**30


@dataclass(frozen=True)
class ResourceRequest:
    """The resources reserved for a trial. Few different values, so that worker processes are reused."""

    cpus: int
    gpu: float = 0.0
    memory: int = 0  # bytes; 0: none is reserved

    @property
    def resources(self) -> dict[str, float]:
        """As Ray names them."""
        amounts = {"CPU": self.cpus, "GPU": self.gpu, "memory": self.memory}
        return {name: amount for name, amount in amounts.items() if amount}


def need(trial: Trial, node: Node, peaks: dict[tuple[str, str], float]) -> ResourceRequest | None:
    """The resources that the trial needs on that node; None if it can never fit there."""
    cpus = trial.recipe.threads
    if cpus > node.total.get("CPU", 0):
        if not node.local:
            return None
        cpus = int(node.total["CPU"])  # Ray may count fewer than `check_threads` did
    peak = peaks.get((node.device, memory_kind(trial)))
    if node.total.get("GPU"):
        share = DEFAULT if peak is None or not node.gpu_mb else shared(peak, node)
        return ResourceRequest(cpus, share) if share else None
    if peak and node.memory_mb and peak > node.memory_mb:
        return None
    return ResourceRequest(cpus, 0.0, _memory(peak or SMALL, node))


def alone(trial: Trial, node: Node) -> ResourceRequest:
    """Request for a whole GPU of the node, to measure peak memory."""
    return ResourceRequest(min(trial.recipe.threads, int(node.total.get("CPU", 1))), 1.0)


def shared(peak: float, node: Node) -> float:
    """The share of a GPU of the node for a trial that was measured at `peak` megabytes; 0 if it does not fit."""
    whole = peak * MARGIN + (CONTEXT if node.device == "cuda" else 0.0)
    fit = int(node.gpu_mb // whole)
    return math.floor(1e4 / fit) / 1e4 if fit else 0.0  # Ray distinguishes four digits


def check_threads(threads: int) -> None:
    """BenchError if this machine has fewer processors than a trial has threads."""
    available = node_agent.processors()
    if threads > available:
        raise BenchError(
            f"each trial asks for {threads} processors, the threads of its recipe; this machine has {available}: give"
            f" the recipe at most {available} threads, or run on a machine or a cluster (--address) with more"
        )


def _memory(peak: float, node: Node) -> int:
    """The next power of two of gigabytes above the peak, at most all memory of the node."""
    wanted = 2 ** max(0, math.ceil(math.log2(peak * MARGIN / 1024))) * GIGABYTE
    return int(min(wanted, node.total.get("memory", 0)))


def lacking(trial: Trial, nodes: list[Node], peaks: dict[tuple[str, str], float]) -> str:
    """Why a trial fits on none of the nodes, in words, with what to change."""
    cpus = max(node.total.get("CPU", 0) for node in nodes)
    wide = [node for node in nodes if node.local or node.total.get("CPU", 0) >= trial.recipe.threads]
    if not wide:
        lack = f"{trial.recipe.threads} processors, the threads of its recipe; the largest node has {cpus:g}"
        remedy = "give the recipe fewer threads, or the cluster larger nodes"
    elif wide[0].total.get("GPU"):
        most = max(wide, key=lambda node: node.gpu_mb)
        peak = peaks[most.device, memory_kind(trial)]
        lack = f"{peak * MARGIN + CONTEXT * (most.device == 'cuda'):.0f} MB of a GPU; the largest has {most.gpu_mb:.0f}"
        remedy = "give the recipe a smaller batch, or the cluster larger GPUs"
    else:
        most = max(wide, key=lambda node: node.memory_mb)
        peak = peaks[most.device, memory_kind(trial)]
        lack = f"{peak:.0f} MB of memory, as measured; the largest node has {most.memory_mb:.0f}"
        remedy = "give the recipe a smaller batch, or the cluster nodes with more memory"
    return f"{trial.method.name} on {trial.data.name} needs {lack}: it could never run here; {remedy}"
