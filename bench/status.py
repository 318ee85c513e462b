"""How far a study is: what its plan asks for against what the store holds. Reads disk only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bench.store import Store


def state_of(plan: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Counts of distinct trials by status, the same by arm, and what failed with its reason."""
    statuses: dict[str, str] = {}
    troubles = []
    for cell in plan["cells"]:
        key = cell["key"]
        if key in statuses:
            continue
        record = store.get(key)
        statuses[key] = record.status if record else "open"
        if record and record.status in ("failed", "refused"):
            place = {name: cell[name] for name in ("data", "arm", "partition", "fold", "seed")}
            why = {"kind": record.error["kind"], "message": record.error["message"]}
            troubles.append({"key": key, **place, "status": record.status, **why})
    arms: dict[str, Counter] = {}
    for cell in plan["cells"]:
        arms.setdefault(_label(cell), Counter())[statuses[cell["key"]]] += 1
    counts = Counter(statuses.values())
    return {
        "study": plan["study"],
        "planned": len(statuses),
        **{status: counts[status] for status in ("done", "failed", "refused", "open")},
        "damaged": dict(store.damaged),
        "arms": {label: dict(count) for label, count in arms.items()},
        "troubles": troubles,
    }


def _label(cell: Mapping[str, Any]) -> str:
    return f"{cell['arm']} (random labels)" if cell["role"] == "random_labels" else cell["arm"]
