"""A caution where the same arms were run on the same scans under several designs: the best of them could be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.report.tables import DatasetResults
from bench.report.tables.number_format import listed, plural

DESIGN = ("folds", "partitions", "seeds", "recipe")
NAMED = 4  # studies that are named


def other_designs(section: DatasetResults) -> str:
    """Which studies in the same folder of results ran the same arms on the same scans otherwise.

    Parameters
    ----------
    section : DatasetResults
        A data set with its runs.

    Returns
    -------
    str
        The caution: studies under another design, and studies in which an arm has other parameters; empty if there is
        no such study.
    """
    root, own = section.store.root, section.plan.study
    mine = _planned(_entry(root / own / "plan.json")).get(section.name)
    if mine is None:
        return ""
    designs, params = [], []
    for path in sorted(root.glob("*/plan.json")):
        name, planned = path.parent.name, _planned(_entry(path)).values()
        alike = [theirs for theirs in planned if name != own and theirs.arms == mine.arms]
        designs += [f"{name} ({theirs.words})" for theirs in alike if theirs.design != mine.design]
        changed = [theirs.changed_arms(mine) for theirs in alike if theirs.design == mine.design]
        params += [f"{name} ({listed(arms[:NAMED])})" for arms in changed if arms]
    return " ".join(
        f"The same arms were run on the same scans {how}: {_few(names)}. If this one was chosen by its results, they"
        f" are too good: {what}."
        for names, how, what in (
            (designs, "under other designs", "show all of them"),
            (params, "with other parameters", "show all of them, or choose parameters with `bench tune`"),
        )
        if names
    )


@dataclass(frozen=True)
class _Planned:
    """What a plan has on one data set: its scans with the arms, the design, the design in words, and the trials."""

    arms: str
    design: str
    words: str
    trials: Mapping[str, frozenset[str]]  # of each arm

    def changed_arms(self, other: _Planned) -> list[str]:
        """The arms that have other trials under an equal design: other parameters, or another curriculum."""
        return [arm for arm, keys in self.trials.items() if keys.isdisjoint(other.trials[arm])]


def _few(names: list[str]) -> str:
    return listed([*names[:NAMED], *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])])


def _entry(path: Path) -> Mapping[str, Any]:
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> Mapping[str, Any]:
    entry = json.loads(path.read_bytes())
    return entry if isinstance(entry, dict) else {}


def _planned(plan: Mapping[str, Any]) -> dict[str, _Planned]:
    """Data set -> what the plan has on it; empty for a damaged plan."""
    try:
        words = _words(plan)
        design = json.dumps([plan[name] for name in DESIGN], sort_keys=True)
        found = {}
        for data in plan["data"]:
            cells = [cell for cell in plan["cells"] if cell["data"] == data["name"] and cell["role"] == "arm"]
            scans = [data.get(name) for name in ("fingerprint", "split", "fraction", "noise", "missing", "external")]
            trials: dict[str, set[str]] = {}
            for cell in cells:
                trials.setdefault(cell["arm"], set()).add(cell["key"])
            if data.get("fingerprint"):
                arms = json.dumps([scans, sorted({(cell["arm"], cell["method"]) for cell in cells})], sort_keys=True)
                kept = {arm: frozenset(keys) for arm, keys in trials.items()}
                found[data["name"]] = _Planned(arms, design, words, kept)
        return found
    except (LookupError, TypeError, AttributeError):
        return {}


def _words(plan: Mapping[str, Any]) -> str:
    numbers = (plural(plan[f"{name}s"], name) for name in ("fold", "partition", "seed"))
    return f"{' x '.join(numbers)}, {plural(plan['recipe'].get('steps', 0), 'step')}"
