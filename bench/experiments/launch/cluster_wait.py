"""Room that others take: what is free of a shared cluster beside the trials of this run, and the wait for it."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from bench.storage.locks import Lock, acquire_lock, read_lock_note
from bench.storage.record_store import Store

AGAIN = 30.0  # seconds between two words of a wait
PREFIX = "waiting-"  # of the files beside the claims that tell of a wait
WORDS = {"CPU": "processors", "GPU": "GPUs", "memory": "GB of memory"}
GIGABYTE = 2**30
TINY = 1e-6  # shares of a GPU are no whole numbers


def count_others(ray: Any, nodes: Iterable[Any]) -> None:
    """See what each node has less than our own trials leave of it: that is in the hands of others.

    What Ray tells lags behind by a moment, so that a process which has just ended seems to be another's: the smaller of
    two looks in a row counts.
    """
    there = ray._private.state.available_resources_per_node()
    for node in nodes:
        if node.id in there:
            free = there[node.id]
            now = {name: max(0.0, node.free.get(name, 0.0) - free.get(name, 0.0)) for name in node.total}
            last, node.seen = node.seen or now, now
            node.others = {name: min(amount, last.get(name, 0.0)) for name, amount in now.items()}


def lack(wanted: Iterable[tuple[Any, Mapping[str, float]]]) -> str:
    """In words, for which room a trial waits that others take; empty where they leave enough of some node.

    wanted: (node, the resources of the trial there, as Ray names them).
    """
    said = []
    for node, resources in wanted:
        short = [name for name, amount in resources.items() if node.left(name) + TINY < amount]
        taken = [name for name in short if node.others.get(name, 0.0) > TINY]
        if not taken:
            return ""
        name = taken[0]
        needs = _amount(name, resources[name])
        more = f", {needs} needed" if needs != "1" else ""
        said.append(
            f"node {node.name} has {_amount(name, max(0.0, node.left(name)))} of {_amount(name, node.total[name])}"
            f" {WORDS.get(name, name)} free{more} (others use them)"
        )
    return f"waiting for room: {'; '.join(said)}" if said else ""


def _amount(name: str, amount: float) -> str:
    return f"{amount / GIGABYTE:.3g}" if name == "memory" else f"{amount:g}"


class CapacityWait:
    """A run that waits says so at once, and then now and then; and where `bench status` finds it."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        self.store, self.tell = store, tell
        self.said: float | None = None
        self.held: Lock | None = None

    def now(self, words: str, key: str = "") -> None:
        """What is waited for, by the trial of that key; no words: for nothing."""
        if not words:
            self.over()
            return
        if self.said is None or time.monotonic() - self.said >= AGAIN:
            self.said = time.monotonic()
            self.tell(words)
        if self.held is None:
            self.held = acquire_lock(self.store.claims / f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}")
        if self.held is not None:
            self.held.write_note(json.dumps({"key": key, "words": words}))

    def over(self) -> None:
        """Nothing is waited for any more."""
        self.said = None
        if self.held is not None:
            self.held.release()
            self.held = None


def waited_for(store: Store, keys: Collection[str]) -> list[str]:
    """What runs of these trials wait for now, in words, as far as that can be seen from this machine."""
    found = []
    for path in sorted(store.claims.glob(f"{PREFIX}*")):
        try:
            entry = json.loads(read_lock_note(path) or "{}")
        except ValueError:  # half a word
            continue
        if entry.get("key") in keys:
            found.append(entry["words"])
    return list(dict.fromkeys(found))
