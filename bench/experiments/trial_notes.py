"""The note that the process which runs a trial leaves in its lock file; `launch.locked_trial` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.core import BenchError
from bench.storage.locks import read_lock_note
from bench.storage.record_store import Store


@dataclass(frozen=True)
class TrialNote:
    """How far a running trial is. step, steps, metric and values are of its last evaluation point."""

    fraction: float = 0.0
    since: float = 0.0  # seconds since 1970; 0: unknown
    node: str = ""
    step: int = 0
    steps: int = 0
    metric: str = ""
    values: Mapping[str, float] = field(default_factory=dict)  # val, val_loss, train_loss

    @property
    def words(self) -> str:
        """`240/300 steps, validation AUC 0.710`; empty before the first evaluation point."""
        if not self.steps:
            return ""
        score = self.values.get("val")
        return f"{self.step}/{self.steps} steps" + (
            f", validation {score_words(self.metric, score)}" if score is not None else ""
        )


def score_words(metric: str, score: float) -> str:
    """A score with the title of its metric as in tables: `AUC 0.710`; its name where no metric has that name."""
    from bench.evaluation import metrics

    try:
        title = metrics.metric(metric).title
    except BenchError:  # of a plug-in that this machine does not have
        title = metric
    return f"{title} {score:.3f}"


def parse_note(text: str) -> TrialNote:
    """The note of a lock file; an empty one for a text that is none, or half of one."""
    try:
        entry = json.loads(text)
        place = {"step": int(entry.get("step", 0)), "steps": int(entry.get("steps", 0))}
        values = {name: float(value) for name, value in entry.get("values", {}).items()}
        known = float(entry["fraction"]), float(entry["since"]), str(entry["node"])
        return TrialNote(*known, **place, metric=str(entry.get("metric", "")), values=values)
    except (ValueError, LookupError, TypeError, AttributeError):
        return TrialNote()


def note_of(store: Store, key: str) -> TrialNote:
    """The note of a trial; an empty one if no process is known to run it."""
    return parse_note(read_lock_note(store.claims / key) or "")
