"""What preparation does with scans of different groups that look like one person's: stop, put together, keep apart."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core import BenchError, RunAbortedError, plural
from bench.data.prepare.groups import GroupedScans
from bench.data.prepared import SEARCH
from bench.registry import did_you_mean
from bench.storage.atomic_io import write_text

TOGETHER, APART = "together", "apart"
POLICIES = (TOGETHER, APART)
PAIRS = "alike_scans.json"  # names of the pairs that were kept apart; a report shows no names
NAMED = 10  # pairs that an error names


def check_policy(policy: str) -> None:
    """BenchError for an unknown policy. An empty one stops at alike scans."""
    if policy and policy not in POLICIES:
        raise BenchError(f"no way {policy!r} to treat scans that are alike; {did_you_mean(policy, POLICIES)}")


def settle_alike(grouped: GroupedScans, policy: str, name: str, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The search for alike scans as the manifest stores it, in counts, and notes on those that are kept apart.

    The names of those are written into `folder`. RunAbortedError if scans of different groups are alike and no policy
    says what to do with them.
    """
    joined = grouped.joined
    if joined and not policy:
        raise RunAbortedError(_message(grouped, joined, name))
    groups = sum(map(len, joined.values()))
    counts = {"clusters": len(joined), "groups": groups}
    entry = {"search": SEARCH, "searched": grouped.alike.searched, "policy": policy, **counts}
    if not joined:
        return entry, []
    _save_pairs(folder, grouped)
    looks = f"scans of {plural(groups, 'group')} look like scans of {_people(len(joined))}"
    return entry, [f"{looks}; the preparation declares them to be of different people and keeps them apart"]


def _message(grouped: GroupedScans, joined: Mapping[str, Sequence[str]], name: str) -> str:
    """Which scans of which groups are alike, and what to do."""
    count = plural(sum(map(len, joined.values())), "group")
    head = f"scans of {count} of {name} look like scans of {_people(len(joined))}"
    pairs = grouped.alike.pairs
    lines = [
        f"{grouped.ids[pair.first]} (group {grouped.groups[pair.first]}) and {grouped.ids[pair.second]} (group"
        f" {grouped.groups[pair.second]}): similarity {pair.similarity:.2f}"
        for pair in pairs[:NAMED]
    ]
    more = [f"and {len(pairs) - NAMED} more pairs"] if len(pairs) > NAMED else []
    remedy = (
        "a split would divide them, and methods would be tested on people that they have seen. If they are copies,"
        " slices of one head or scans of one person, give them one group in the data set, or add --alike together to"
        f" `bench prepare {shlex.quote(name)}`; if they are of different people, add --alike apart, and the report"
        " says so. No scan is read again"
    )
    return "\n  ".join([f"{head}:", *lines, *more]) + f"\n{remedy}"


def _save_pairs(folder: Path, grouped: GroupedScans) -> None:
    pairs = [
        {"first": grouped.ids[one.first], "second": grouped.ids[one.second], "similarity": one.similarity}
        for one in grouped.alike.pairs
    ]
    write_text(folder / PAIRS, json.dumps(pairs, indent=1) + "\n")


def alike_line(entry: Mapping[str, Any], folder: Path) -> str:
    """What the search found, with the first pairs of names. entry: of the manifest of a set in `folder`."""
    if not entry["searched"]:
        return "people under two names: not searched, the set has too few scans (about 40 are needed)"
    if not entry["clusters"]:
        return "people under two names: none found"
    pairs = json.loads((folder / PAIRS).read_text(encoding="utf-8"))
    named = [f"{pair['first']} and {pair['second']} ({pair['similarity']:.2f})" for pair in pairs[:NAMED]]
    more = f" and {len(pairs) - NAMED} more pairs" if len(pairs) > NAMED else ""
    looks = f"scans of {plural(entry['groups'], 'group')} look like scans of {_people(entry['clusters'])}"
    return f"people under two names: {looks}, kept apart: {', '.join(named)}{more}"


def is_treated(entry: Mapping[str, Any], policy: str) -> bool:
    """Whether a prepared set treats alike scans by a policy, or has none. entry: of its manifest."""
    return policy in ("", entry["policy"]) or not (entry["clusters"] or entry["policy"] == TOGETHER)


def _people(count: int) -> str:
    return plural(count, "person", "people")
