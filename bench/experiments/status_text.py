"""The status of a study in words, from its JSON, for the command and for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.core import plural
from bench.experiments.progress_bars import clock

State = dict[str, Any]  # fields of `StudyStatus`


def counts(state: State) -> str:
    """Name of the study and its trials by status: `x: 3 of 6 trials done, 1 failed, 2 open`."""
    parts = [f"{state[name]} {name}" for name in ("failed", "refused", "open") if state[name]]
    return f"{state['study']}: {state['done']} of {plural(state['planned'], 'trial')} done" + "".join(
        f", {p}" for p in parts
    )


def pace(state: State) -> list[str]:
    """How many trials run or what they wait for, how fast, and the time left; empty if nothing is open."""
    if not state["open"]:
        return []
    waiting = state["waiting"]
    parts = [f"{len(state['running'])} running"] if state["running"] else [*waiting] or ["nothing is running"]
    parts += [f"{state['per_hour']:.0f} per hour"] if state["per_hour"] else []
    return parts + ([f"about {clock(state['left_seconds'])} left"] if state["left_seconds"] is not None else [])


def troubles(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each failed or refused trial: its status, its place and the reason."""
    places = [f"{r['data']}, {r['arm']}, partition {r['partition']}, fold {r['fold']}, seed {r['seed']}" for r in rows]
    return [
        f"{row['status']}: {place}: {row['kind']}: {row['message']}" for row, place in zip(rows, places, strict=True)
    ]


def damages(state: State) -> list[str]:
    """A line for each damaged record."""
    return [f"damaged record, will be run again: {words}" for words in state["damaged"].values()]
