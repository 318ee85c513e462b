"""A caution where the same arms were run on the same scans under several designs: the best of them could be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.report.tables import DatasetResults
from bench.report.tables.number_format import listed, plural

DESIGN = ("folds", "partitions", "seeds", "recipe")
NAMED = 4  # studies that are named


def other_designs(section: DatasetResults) -> str:
    """Which studies in the same folder of results ran the same arms on the same scans under another design.

    Parameters
    ----------
    section : DatasetResults
        A data set with its runs.

    Returns
    -------
    str
        The caution; empty if there is no such study.
    """
    root, own = section.store.root, section.plan.study
    mine = _signatures(_entry(root / own / "plan.json")).get(section.name)
    if mine is None:
        return ""
    others = {}
    for path in sorted(root.glob("*/plan.json")):
        theirs = _signatures(_entry(path)).values() if path.parent.name != own else ()
        for words in (words for arms, design, words in theirs if arms == mine[0] and design != mine[1]):
            others[path.parent.name] = words
    if not others:
        return ""
    named = [f"{name} ({words})" for name, words in list(others.items())[:NAMED]]
    more = [f"{len(others) - NAMED} more"] if len(others) > NAMED else []
    return (
        f"The same arms were run on the same scans under other designs: {listed([*named, *more])}. If this one was"
        " chosen by its results, they are too good: show all of them."
    )


def _entry(path: Path) -> Mapping[str, Any]:
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> Mapping[str, Any]:
    entry = json.loads(path.read_bytes())
    return entry if isinstance(entry, dict) else {}


def _signatures(plan: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Data set -> its scans with the arms that are run on them, the design, and its words; empty for a damaged plan."""
    try:
        words = _words(plan)
        design = json.dumps([plan[name] for name in DESIGN], sort_keys=True)
        found = {}
        for data in plan["data"]:
            cells = [cell for cell in plan["cells"] if cell["data"] == data["name"] and cell["role"] == "arm"]
            scans = [data.get(name) for name in ("fingerprint", "split", "fraction", "noise", "missing", "external")]
            arms = sorted({(cell["arm"], cell["method"]) for cell in cells})
            if data.get("fingerprint"):
                found[data["name"]] = json.dumps([scans, arms], sort_keys=True), design, words
        return found
    except (LookupError, TypeError, AttributeError):
        return {}


def _words(plan: Mapping[str, Any]) -> str:
    numbers = (plural(plan[f"{name}s"], name) for name in ("fold", "partition", "seed"))
    return f"{' x '.join(numbers)}, {plural(plan['recipe'].get('steps', 0), 'step')}"
