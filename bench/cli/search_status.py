"""Shows the searches of a study, for `bench status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bench.experiments.clock_text import left_words

LAST = 5  # errors that the live view shows
STATES = ("complete", "pruned", "failed", "refused", "running", "open")


def show(state: Mapping[str, Any], console: Console) -> None:
    """Print the status of the searches."""
    console.print(counts(state), markup=False, highlight=False)
    console.print(_searches(state))
    for line in [*pace(state), *_beside(state), *troubles(state["troubles"])]:
        console.print(line, markup=False, highlight=False)


def view(state: Mapping[str, Any]) -> Group:
    """The same for a display that is redrawn."""
    recent = sorted(state["troubles"], key=lambda row: row["ended"] or 0)[-LAST:]
    lines = [Text(line) for line in (*_beside(state), *troubles(recent))]
    return Group(Text(counts(state)), Text(", ".join(pace(state))), _searches(state), *lines)


def line(state: Mapping[str, Any]) -> str:
    """The status in one line."""
    return ", ".join([counts(state), *pace(state)])


def counts(state: Mapping[str, Any]) -> str:
    """Number of candidates by status."""
    parts = [f"{state[name]} {name}" for name in ("pruned", "failed", "refused", "open") if state[name]]
    head = f"{state['study']}: its search: {state['complete']} of {state['planned']} candidates complete"
    return head + "".join(f", {part}" for part in parts)


def pace(state: Mapping[str, Any]) -> list[str]:
    """How many candidates run, how fast, and the time left; empty if all have ended."""
    if not (state["open"] or state["running"]):
        return []
    parts = [f"{len(state['running'])} running" if state["running"] else "nothing is running"]
    parts += [f"{state['per_hour']:.0f} candidates per hour"] if state["per_hour"] else []
    return [*parts, *filter(None, [left_words(state["left_seconds"])])]


def troubles(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each failed or refused candidate."""
    return [f"{row['status']}: {_place(row)}, candidate {row['candidate']}: {row['message']}" for row in rows]


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['data']}, {row['arm']}, partition {row['partition']}, fold {row['fold']}"


def _beside(state: Mapping[str, Any]) -> list[str]:
    """Storages that cannot be read, and searches that have not been started."""
    closed = [f"status unknown, its storage cannot be read: {words}" for words in state["closed"].values()]
    return closed + [f"not searched yet: {_place(row)}" for row in state["not_asked"]]


def _searches(state: Mapping[str, Any]) -> Table:
    several = len({row["data"] for row in state["searches"]}) > 1
    parted = any(row["partition"] for row in state["searches"])
    head = [*(["data"] if several else []), "arm", *(["partition"] if parted else []), "fold", "of", *STATES]
    table = Table(*head, box=None, pad_edge=False)
    for row in state["searches"]:
        place = [row["data"]] if several else []
        place += [row["arm"], *([str(row["partition"])] if parted else []), str(row["fold"]), str(row["trials"])]
        table.add_row(*map(escape, place), *(str(row[name]) for name in STATES))
    return table
