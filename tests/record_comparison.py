"""What records say, times and places aside."""

from __future__ import annotations

import json

TIMED = ("seconds", "memory")  # parts of the names of costs that no two runs share


def without_times(store) -> dict[str, str]:
    """Every record of a store as text, with the checksums of its other files; without times, memory,
    node and commit."""
    found = {}
    for path in sorted(store.trials.glob("[!.]*/record.json")):
        entry = json.loads(path.read_text())
        entry.pop("seal")
        entry["cost"] = {key: value for key, value in entry["cost"].items() if not any(t in key for t in TIMED)}
        for name in ("started", "seconds", "node"):
            entry["provenance"].pop(name, None)
        for name in ("commit", "changed"):  # known in a checkout alone; the checksum of the sources stays
            entry["provenance"].get("code", {}).pop(name, None)
        found[path.parent.name] = json.dumps(entry, indent=1)
    return found
