"""The pool of worker processes: started where resources are free, reused, ended if another request needs the place."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core import BenchError, RunAbortedError, Trial
from bench.experiments.launch import cluster_wait, code_archive, node_agent, nodes
from bench.experiments.launch.jobs import memory_kind
from bench.experiments.launch.nodes import Node, NodeCheck
from bench.experiments.launch.resources import ResourceRequest, alone, lacking, need

LOOK_EVERY = 2.0  # seconds between two polls of the nodes
ABSENCE = 120.0  # seconds without a usable node after which the run ends
SPARE = 1.5  # times the share of a GPU that a trial needs: a process with no more than that is reused for it
LOADING = 20.0  # seconds at most in which a GPU's next process waits until the last one has loaded its kernels


@dataclass(eq=False)
class WorkerHandle:
    """A process on a node."""

    actor: Any
    node: Node
    need: ResourceRequest
    busy: bool = True
    token: str = ""  # its process registers under this token; empty: it has registered
    begun: float = field(default_factory=time.monotonic)
    warm: bool = False  # its first trial has come to an evaluation point or ended: kernels are loaded

    @property
    def loading(self) -> bool:
        """True if the process may be loading kernels: others on its GPU would do the same at the same time."""
        return not self.warm and time.monotonic() - self.begun < LOADING


def _equals(worker: WorkerHandle, wanted: ResourceRequest | None) -> bool:
    return worker.need == wanted


def _holds(worker: WorkerHandle, wanted: ResourceRequest | None) -> bool:
    """True if a process on a GPU has enough for a request and not much more: a new one would load its kernels again."""
    given = worker.need
    if wanted is None or not wanted.gpu or (given.cpus, given.memory) != (wanted.cpus, wanted.memory):
        return False
    return wanted.gpu <= given.gpu <= SPARE * wanted.gpu


def _resized(worker: WorkerHandle, wanted: ResourceRequest | None) -> bool:
    """True if a process of this machine can go on with another amount of memory, which it then has.

    The memory of this machine's own Ray is counted here alone: a new process would cost seconds of imports.
    """
    given, node = worker.need, worker.node
    if wanted is None or not node.local or (given.cpus, given.gpu) != (wanted.cpus, wanted.gpu):
        return False
    node.give(given.resources)
    worker.need = wanted if node.room(wanted.resources) else given
    node.take(worker.need.resources)
    return worker.need is wanted


class WorkerPool:
    """All nodes with their worker processes. message: prints a message to the user."""

    def __init__(self, ray: Any, inspection: NodeCheck, peaks: dict, message: Callable[[str], None], root: str) -> None:
        self.ray, self.inspection, self.peaks, self.message, self.root = ray, inspection, peaks, message, root
        self.local = inspection.local
        self.nodes: dict[str, Node] = {}
        self.workers: list[WorkerHandle] = []
        self.checking: dict[str, tuple[Node, Any]] = {}  # nodes that joined later and have not answered yet
        self.unfit: set[str] = set()
        self.looked = self.peopled = time.monotonic()
        self.sent: Any = None  # the code, once some node needs it
        code_archive.by_value(ray)

    def gather(self) -> None:
        """Find and check the nodes. RunAbortedError if one of them differs or there is none."""
        used = nodes.find_nodes(self.ray, self.inspection, self.message)
        if not self.local:
            cluster_wait.count_others(self.ray, used)
        self.nodes = {node.id: node for node in used}
        apart = sorted(node.name for node in self.nodes.values() if not node.shared)
        if apart:
            self.message(f"records are sent back from nodes that do not see the results folder: {', '.join(apart)}")

    def check(self, trials: Sequence[Trial]) -> None:
        """BenchError if a trial could never fit on any node."""
        for trial in {memory_kind(trial): trial for trial in trials}.values():
            if self.nodes and all(need(trial, node, self.peaks) is None for node in self._open()):
                raise BenchError(lacking(trial, self._open(), self.peaks))

    def unmeasured(self, trial: Trial) -> bool:
        """True if trials share a GPU and the peak memory of this kind of trial is unknown."""
        return any(
            node.total.get("GPU") and node.gpu_mb and (node.device, memory_kind(trial)) not in self.peaks
            for node in self.nodes.values()
        )

    def place(self, trial: Trial, measuring: bool = False) -> WorkerHandle | None:
        """A worker for the trial, marked as busy; None if no node has the resources."""
        wanted, idle = self._requests(trial, measuring), self._idle_by_node()
        for fits in (_equals, _holds, _resized):
            for worker in (worker for workers in idle.values() for worker in workers):
                if fits(worker, wanted.get(worker.node.id)):
                    worker.busy = True
                    return worker
        loading = Counter(worker.node.id for worker in self.workers if worker.loading)
        for node in sorted(self._open(), key=lambda node: -node.left("CPU")):
            request, gpus = wanted[node.id], node.total.get("GPU", 0)
            if request is None or (gpus and loading[node.id] >= gpus):  # starts on a GPU are staggered
                continue
            if self._make_room(node, request, idle.get(node.id, [])):
                return self._begin(node, request)
        return None

    def _requests(self, trial: Trial, measuring: bool) -> dict[str, ResourceRequest | None]:
        """node -> what the trial needs there; asked once for all nodes that are alike, as a cluster may have many."""
        known: dict[tuple, ResourceRequest | None] = {}
        wanted = {}
        for node in self._open():
            like = (*sorted(node.total.items()), node.local, node.device, node.gpu_mb, node.memory_mb)
            if like not in known:
                known[like] = alone(trial, node) if measuring else need(trial, node, self.peaks)
            wanted[node.id] = known[like]
        return wanted

    def _idle_by_node(self) -> dict[str, list[WorkerHandle]]:
        found: dict[str, list[WorkerHandle]] = {}
        for worker in self.idle():
            found.setdefault(worker.node.id, []).append(worker)
        return found

    def lack(self, trial: Trial, measuring: bool) -> str:
        """The resources that the trial waits for because others use them, in words; empty if it does not wait."""
        wanted = [(node, alone(trial, node) if measuring else need(trial, node, self.peaks)) for node in self._open()]
        return cluster_wait.lack([(node, request.resources) for node, request in wanted if request is not None])

    def absent(self, worker: WorkerHandle) -> bool:
        """True if the process of a worker has not registered: it is starting, or others took its resources."""
        from bench.experiments.launch import worker_progress

        if worker.token and worker_progress.arrived(worker.token):
            worker.token = ""
        return bool(worker.token)

    def release(self, worker: WorkerHandle) -> None:
        """Mark a worker as idle."""
        worker.busy, worker.warm = False, True

    def side_by_side(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials in the order in which they start: where there are GPUs, those of one kind (seeds, folds) together.

        They have the same request, so that a process goes on with the next one and loads no kernels.
        """
        if not any(node.total.get("GPU") for node in self._open()):
            return list(trials)
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(memory_kind(trial) for trial in trials))}
        return sorted(trials, key=lambda trial: kinds[memory_kind(trial)])

    def dismiss(self, worker: WorkerHandle) -> None:
        """End a worker process and free its resources, also if it has ended already."""
        with contextlib.suppress(self.ray.exceptions.RayError):
            self.ray.kill(worker.actor)
        if worker in self.workers:
            self.workers.remove(worker)
            worker.node.give(worker.need.resources)

    def idle(self) -> list[WorkerHandle]:
        """The idle workers."""
        return [worker for worker in self.workers if not worker.busy]

    def refresh(self, at_once: bool = False) -> None:
        """Update the list of nodes; a new node is checked before it gets a trial."""
        if self.local or (time.monotonic() - self.looked < LOOK_EVERY and not at_once):
            return
        self.looked = time.monotonic()
        alive = nodes.living(self.ray, False)
        cluster_wait.count_others(self.ray, self.nodes.values())
        for lost in [node for key, node in self.nodes.items() if key not in alive]:
            del self.nodes[lost.id]
            self.message(f"node {lost.name} left the cluster; its trials run on other nodes")
        gpus = any(node.total.get("GPU") for node in self.nodes.values())
        for key, node in alive.items():
            known = key in self.nodes or key in self.checking or key in self.unfit
            if not known and (node.total.get("GPU") or not gpus):
                self.checking[key] = node, self.inspection.begin(node)
        self._add_arrived()
        self._check_any_left()

    def alive(self, node: Node) -> bool:
        """Whether the node is still part of the cluster."""
        return node.id in self.nodes

    def _add_arrived(self) -> None:
        for key, (node, answer) in list(self.checking.items()):
            if not self.ray.wait([answer], timeout=0)[0]:
                continue
            del self.checking[key]
            if faults := self.inspection.end(node, answer):
                self.unfit.add(key)
                self.message(f"node {node.name} joined the cluster and is not used: {'; '.join(faults)}")
            else:
                self.nodes[key] = node
                self.message(f"node {node.name} joined the cluster")

    def _check_any_left(self) -> None:
        if self.nodes:
            self.peopled = time.monotonic()
        elif time.monotonic() - self.peopled > ABSENCE:
            raise RunAbortedError(
                f"no node could run trials for {ABSENCE:g} seconds; finished trials are saved, run the command again"
            )

    def _open(self) -> list[Node]:
        return list(self.nodes.values())

    def _make_room(self, node: Node, wanted: ResourceRequest, idle: Sequence[WorkerHandle]) -> bool:
        """True if the node has the resources free; ends idle workers of it that hold them."""
        for worker in idle:
            if node.room(wanted.resources):
                break
            self.dismiss(worker)
        return node.room(wanted.resources)

    def _begin(self, node: Node, wanted: ResourceRequest) -> WorkerHandle:
        options = {
            "num_cpus": wanted.cpus,
            "num_gpus": wanted.gpu,
            "memory": None if node.local else wanted.memory or None,
        }
        options |= {"max_restarts": 0, "scheduling_strategy": nodes.pin_to_node(self.ray, node)}
        setting = {**self._setting(node), "token": "" if self.local else uuid.uuid4().hex}
        actor = self.ray.remote(node_agent.TrialWorker).options(**options).remote(setting, self._code(node))
        node.take(wanted.resources)
        self.workers.append(WorkerHandle(actor, node, wanted, token=setting["token"]))
        return self.workers[-1]

    def _setting(self, node: Node) -> dict[str, Any]:
        question = self.inspection.question
        job = {"root": self.root, "shared": node.shared, "node": "" if self.local else node.name}
        return {**{name: question[name] for name in ("plugins", "data_root", "forced")}, "job": job}

    def _code(self, node: Node) -> Any:
        if not node.shipped:
            return None
        if self.sent is None:
            self.sent = self.ray.put(code_archive.code(self.inspection.plugins))
        return self.sent
