"""How far a study is: what its plan asks for, what the store holds, and what is being worked at. Reads disk only."""

from __future__ import annotations

import calendar
import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from bench.core import Record
from bench.storage.locks import told
from bench.storage.record_store import Store

WINDOW = 900.0  # seconds that the speed is taken over


class Follower:
    """A study that is looked at again and again: a record that was read once is not read again."""

    def __init__(self, plan: Mapping[str, Any], store: Store) -> None:
        self.plan, self.store = plan, store
        self.cells = {cell["key"]: cell for cell in reversed(plan["cells"])}
        self.known: dict[str, dict[str, Any]] = {}  # of finished trials

    def state(self, now: float | None = None) -> dict[str, Any]:
        """Counts of distinct trials by status, the same by arm, what runs, how fast, and what failed with its reason.

        now: in seconds since 1970.
        """
        self._read()
        now = time.time() if now is None else now  # after the records are read: what ended meanwhile counts
        statuses = {key: self.known[key]["status"] if key in self.known else "open" for key in self.cells}
        arms: dict[str, Counter] = {}
        for cell in self.plan["cells"]:
            arms.setdefault(_label(cell), Counter())[statuses[cell["key"]]] += 1
        counts, running = Counter(statuses.values()), self._running(statuses, now)
        return {
            "study": self.plan["study"],
            "planned": len(statuses),
            **{status: counts[status] for status in ("done", "failed", "refused", "open")},
            "running": running,
            "per_hour": self._per_hour(now),
            "left_seconds": self._left(statuses, running),
            "damaged": dict(self.store.damaged),
            "arms": {label: dict(count) for label, count in arms.items()},
            "troubles": self._troubles(),
        }

    def _read(self) -> None:
        for key in self.cells:
            if key not in self.known and (record := self.store.get(key)) is not None:
                self.known[key] = _digest(record)

    def _running(self, statuses: Mapping[str, str], now: float) -> list[dict[str, Any]]:
        """The trials that somebody is at, as far as that can be seen from this machine."""
        found = []
        for key in (key for key, status in statuses.items() if status == "open"):
            said = told(self.store.claims / key)
            if said is not None:
                found.append({"key": key, **self._place(key), **_progress(said, now)})
        return found

    def _per_hour(self, now: float) -> float | None:
        """Trials that ended in the last minutes, for an hour; None where none did."""
        recent = [each for each in self.known.values() if each["ended"] and 0 <= now - each["ended"] <= WINDOW]
        if not recent:
            return None
        since = max(min(each["ended"] - each["seconds"] for each in recent), now - WINDOW)
        return 3600 * len(recent) / max(1.0, now - since)

    def _left(self, statuses: Mapping[str, str], running: list[dict[str, Any]]) -> float | None:
        """Seconds until all is done, with as many at once as now; None where nothing runs, or nothing is known yet."""
        taken: dict[str, list[float]] = {}
        for key, each in self.known.items():
            if each["status"] == "done":
                taken.setdefault(self.cells[key]["method"], []).append(each["seconds"])
        if not running or not taken:
            return None
        means = {method: sum(seconds) / len(seconds) for method, seconds in taken.items()}
        usual = sum(means.values()) / len(means)
        done = {each["key"]: each["fraction"] for each in running}
        ahead = [
            means.get(self.cells[key]["method"], usual) * (1 - done.get(key, 0.0))
            for key, status in statuses.items()
            if status == "open"
        ]
        return sum(ahead) / len(running)

    def _troubles(self) -> list[dict[str, Any]]:
        found = [(key, each) for key, each in self.known.items() if each["status"] in ("failed", "refused")]
        order = list(self.cells)[::-1]
        found.sort(key=lambda item: order.index(item[0]))
        return [{"key": key, **self._place(key), **each, "status": each["status"]} for key, each in found]

    def _place(self, key: str) -> dict[str, Any]:
        return {name: self.cells[key][name] for name in ("data", "arm", "partition", "fold", "seed")}


def state_of(plan: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """How far a study is now; see `Follower.state`."""
    return Follower(plan, store).state()


def _digest(record: Record) -> dict[str, Any]:
    """What is kept of a record: its status, when it ended and how long it took, and why it failed."""
    seconds = float(record.provenance.get("seconds", 0.0))
    started = record.provenance.get("started")
    ended = calendar.timegm(time.strptime(started, "%Y-%m-%dT%H:%M:%SZ")) + seconds if started else None
    why = {name: record.error.get(name, "") for name in ("kind", "message")} if record.error else {}
    return {"status": record.status, "seconds": seconds, "ended": ended, **why}


def _progress(said: str, now: float) -> dict[str, Any]:
    """What the holder of a claim has left in it."""
    try:
        entry = json.loads(said)
        return {
            "fraction": float(entry["fraction"]),
            "seconds": max(0.0, now - entry["since"]),
            "node": entry["node"],
        }
    except (ValueError, LookupError, TypeError):  # nothing yet, or half a word
        return {"fraction": 0.0, "seconds": 0.0, "node": ""}


def _label(cell: Mapping[str, Any]) -> str:
    return f"{cell['arm']} (random labels)" if cell["role"] == "random_labels" else cell["arm"]
