"""The status of a study in words, from its JSON, for the command and for a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.core import plural
from bench.experiments.clock_text import duration, left_words
from bench.experiments.trial_notes import score_words

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
    return [*parts, *filter(None, [left_words(state["left_seconds"], state["untimed"])])]


def running_lines(state: State) -> list[str]:
    """A line for each running trial: its place, its steps, its score on the validation part, and for how long."""
    return [f"running: {_place(row)}: {_so_far(row)}" for row in state["running"]]


def _so_far(row: dict[str, Any]) -> str:
    steps = f"{row['step']}/{row['steps']} steps" if row["steps"] else f"{row['fraction']:.0%}"
    score = [] if row["validation"] is None else [f"validation {score_words(row['metric'], row['validation'])}"]
    return ", ".join([steps, *score, f"for {duration(row['seconds'])}"])


def _place(row: dict[str, Any]) -> str:
    return f"{row['data']}, {row['arm']}, partition {row['partition']}, fold {row['fold']}, seed {row['seed']}"


def troubles(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each failed or refused trial: its status, its place and the reason."""
    return [f"{row['status']}: {_place(row)}: {row['kind']}: {row['message']}" for row in rows]


def damages(state: State) -> list[str]:
    """A line for each damaged record."""
    return [f"damaged record, will be run again: {words}" for words in state["damaged"].values()]
