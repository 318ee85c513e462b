"""Waits for capacity on a shared cluster: the resources that others use, and messages about the wait."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from bench.storage.locks import Lock, acquire_lock, read_lock_note
from bench.storage.record_store import Store

AGAIN = 30.0  # seconds between two messages about a wait
PREFIX = "waiting-"  # of the lock files of runs that wait
WORDS = {"CPU": "processors", "GPU": "GPUs", "memory": "GB of memory"}
GIGABYTE = 2**30
TINY = 1e-6  # shares of a GPU are no whole numbers


def count_others(ray: Any, nodes: Iterable[Any]) -> None:
    """Update the resources of each node that others use: those that neither are free nor belong to this run.

    Ray reports with a delay, so that a process of this run which has just ended looks like one of others: the smaller
    of two polls in a row counts.
    """
    available = ray._private.state.available_resources_per_node()
    for node in nodes:
        if node.id in available:
            free = available[node.id]
            now = {name: max(0.0, node.free.get(name, 0.0) - free.get(name, 0.0)) for name in node.total}
            last, node.seen = node.seen or now, now
            node.others = {name: min(amount, last.get(name, 0.0)) for name, amount in now.items()}


def lack(wanted: Iterable[tuple[Any, Mapping[str, float]]]) -> str:
    """The resources that a trial waits for because others use them, in words; empty if some node has enough.

    wanted: (node, the resources of the trial there, as Ray names them).
    """
    shortages = []
    for node, resources in wanted:
        short = [name for name, amount in resources.items() if node.left(name) + TINY < amount]
        taken = [name for name in short if node.others.get(name, 0.0) > TINY]
        if not taken:
            return ""
        name = taken[0]
        needs = _amount(name, resources[name])
        more = f", {needs} needed" if needs != "1" else ""
        shortages.append(
            f"node {node.name} has {_amount(name, max(0.0, node.left(name)))} of {_amount(name, node.total[name])}"
            f" {WORDS.get(name, name)} free{more} (others use them)"
        )
    return f"waiting for room: {'; '.join(shortages)}" if shortages else ""


def _amount(name: str, amount: float) -> str:
    return f"{amount / GIGABYTE:.3g}" if name == "memory" else f"{amount:g}"


class CapacityWait:
    """Reports that a run waits: at once, then every AGAIN seconds, and in a lock file that `bench status` reads."""

    def __init__(self, store: Store, message: Callable[[str], None]) -> None:
        self.store, self.message = store, message
        self.reported: float | None = None
        self.lock: Lock | None = None

    def now(self, words: str, key: str = "") -> None:
        """Report what the trial of that key waits for; no words: the wait is over."""
        if not words:
            self.over()
            return
        if self.reported is None or time.monotonic() - self.reported >= AGAIN:
            self.reported = time.monotonic()
            self.message(words)
        if self.lock is None:
            self.lock = acquire_lock(self.store.claims / f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}")
        if self.lock is not None:
            self.lock.write_note(json.dumps({"key": key, "words": words}))

    def over(self) -> None:
        """End the wait and release its lock file."""
        self.reported = None
        if self.lock is not None:
            self.lock.release()
            self.lock = None


def waited_for(store: Store, keys: Collection[str]) -> list[str]:
    """What runs of these trials wait for now, in words, as far as this machine can see."""
    waits = []
    for path in sorted(store.claims.glob(f"{PREFIX}*")):
        try:
            entry = json.loads(read_lock_note(path) or "{}")
        except ValueError:  # a note that is being written
            continue
        if entry.get("key") in keys:
            waits.append(entry["words"])
    return list(dict.fromkeys(waits))
