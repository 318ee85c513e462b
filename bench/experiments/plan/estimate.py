"""Estimates the seconds, memory and disk of a study's open trials from records of similar trials.

Three sources, the best one for each trial: records of the same method on the same data, with any fold, seed and number
of steps; else short trials that `bench plan --measure` ran; else records of the same method with other parameters (but
the same view) on scans of the same shape. Trials without such a record count as unknown. An estimate of seconds is for
the machine of the records, with its load at that time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from bench import registry
from bench.core import BenchError, Record, Trial, canonical
from bench.experiments.trial_durations import machine_of
from bench.storage.record_store import Store

MEASURED = ".measured"  # under the results root: short trials that were run to be timed
MOST_RECORDS = 400  # records read at most, the newest first
ENOUGH = 3  # records of one kind, after which no more are read

Kind = tuple[str, str, str]  # data set, method and curriculum in canonical form


@dataclass(frozen=True)
class TrialCost:
    """The cost of one trial."""

    seconds: float
    memory_mb: float | None  # at its peak
    disk: float  # bytes of its record, predictions and weights
    source: str


@dataclass(frozen=True)
class FinishedTrial:
    """A finished trial and its size on disk."""

    record: Record
    disk: float
    measured: bool  # by `bench plan --measure`


@dataclass(frozen=True)
class Estimate:
    """The cost of all open trials. unknown: number of trials without a similar record."""

    needs: Mapping[Kind, TrialCost]
    trials: int
    seconds: float
    memory_mb: float | None
    disk: float
    unknown: int
    sources: Mapping[str, int]  # words -> trials that rest on them

    def lines(self) -> list[str]:
        """The estimate in words."""
        if not self.trials:
            return ["time: nothing is left to run"]
        known = self.trials - self.unknown
        if not known:
            return ["time, memory, disk: unknown, as no such trial has a record; run bench plan --measure"]
        parts = [f"{in_words(self.seconds)} run one by one"]
        parts += [f"{self.memory_mb:,.0f} MB of memory at the peak of a trial"] if self.memory_mb else []
        parts += [f"{self.disk / 2**20:,.1f} MB of disk"]
        rest = f"; {self.unknown} more are unknown (run bench plan --measure)" if self.unknown else ""
        sources = "; ".join(f"{count} by {words}" for words, count in self.sources.items())
        return [f"estimate for {known} open trials: {', '.join(parts)}{rest}", f"estimated from: {sources}"]

    def summary(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "open": self.trials,
            "unknown": self.unknown,
            "seconds": round(self.seconds, 1),
            "memory_mb": self.memory_mb,
            "disk_bytes": round(self.disk),
            "sources": dict(self.sources),
        }


def cost_kind(trial: Trial) -> Kind:
    """Data, method and curriculum: trials that share them take about as long."""
    return trial.data.text, trial.method.text, trial.curriculum.text


def estimate(trials: Iterable[Trial], root: Path) -> Estimate:
    """The estimate for open trials, from the records under a results root."""
    trials = list(trials)
    examples = {cost_kind(trial): trial for trial in trials}
    finished = list(_finished(examples, Path(root))) if examples else []
    needs = {kind: need for kind, trial in examples.items() if (need := _need(trial, finished))}
    known = [needs[kind] for trial in trials if (kind := cost_kind(trial)) in needs]
    sources: dict[str, int] = {}
    for need in known:
        sources[need.source] = sources.get(need.source, 0) + 1
    memory = [need.memory_mb for need in known if need.memory_mb]
    seconds, disk = sum(need.seconds for need in known), sum(need.disk for need in known)
    peak = max(memory) if memory else None
    return Estimate(needs, len(trials), seconds, peak, disk, len(trials) - len(known), sources)


def _finished(examples: Mapping[Kind, Trial], root: Path) -> Iterator[FinishedTrial]:
    """Finished and refused trials of these methods: the newest of the results, then the measured short ones."""
    wanted = {trial.method.name for trial in examples.values()}
    for place, measured in ((root, False), (root / MEASURED, True)):
        store, counts = Store(place), dict.fromkeys(examples, 0)
        for folder in _newest(store.trials)[:MOST_RECORDS]:
            record = store.get(folder.name)
            if record is None or record.status == "failed" or record.trial.method.name not in wanted:
                continue
            yield FinishedTrial(record, sum(path.stat().st_size for path in folder.iterdir()), measured)
            kind = cost_kind(record.trial)
            if kind in counts:
                counts[kind] += 1
            if min(counts.values()) >= ENOUGH:
                break


def _newest(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        folders = [(entry.stat().st_mtime, entry.path) for entry in entries if "." not in entry.name and entry.is_dir()]
    return [Path(path) for _, path in sorted(folders, reverse=True)]


def _need(trial: Trial, finished: list[FinishedTrial]) -> TrialCost | None:
    kind, shape = cost_kind(trial), _shape(trial)
    same = [each for each in finished if cost_kind(each.record.trial) == kind and not each.measured]
    timed = [each for each in finished if cost_kind(each.record.trial) == kind and each.measured]
    done = [each for each in finished if each.record.status == "done"]
    near = [each for each in done if _is_like(each.record.trial, trial, shape)]
    for similar, words in (
        (same, "earlier records of the same method and data"),
        (timed, "short trials that were measured"),
        (near, "trials of the method with other parameters, on scans of the same shape"),
    ):
        if similar:
            return _mean(trial, similar[:20], words)
    return None


def _mean(trial: Trial, similar: list[FinishedTrial], words: str) -> TrialCost:
    """Mean seconds and bytes and the highest memory of trials on the machine of the newest, as `trial` would have."""
    where = machine_of(similar[0].record)
    similar = [each for each in similar if machine_of(each.record) == where]
    memory = [each.record.cost.get("peak_memory_mb") for each in similar]
    seconds = fmean(_seconds(each.record, trial) for each in similar)
    most = max((value for value in memory if value), default=None)
    return TrialCost(seconds, most, fmean(each.disk for each in similar), f"{words} ({where})")


def _seconds(record: Record, trial: Trial) -> float:
    """Seconds of `trial` from the record of another: its steps, its evaluation points, and the fixed part."""
    cost, took, recipe = record.cost, record.provenance.get("seconds") or 0.0, record.trial.recipe
    steps = record.resolved.get("optimiser_steps") or 0
    once = took - (cost.get("train_seconds") or 0.0)
    if not steps:
        return took
    batches = trial.recipe.batch_size / recipe.batch_size
    stepping = sum(cost.get(f"{stage}_seconds") or 0.0 for stage in ("data", "forward", "backward", "update"))
    looking = sum(cost.get(f"{stage}_seconds") or 0.0 for stage in ("evaluation", "writing"))
    tested = min((cost.get("inference_seconds") or 0.0) * record.sizes.get("test", 0) * recipe.points, once)
    points = trial.recipe.points / recipe.points
    planned = min(trial.method.params.get("steps") or trial.recipe.steps, trial.recipe.steps)
    return once - tested + stepping / steps * planned * batches + (looking + tested) * points


def _is_like(other: Trial, trial: Trial, shape: tuple[int, ...] | None) -> bool:
    views = [canonical(each.method.params.get("view")) for each in (other, trial)]
    same = other.method.name == trial.method.name and views[0] == views[1]
    return same and other.curriculum.name == trial.curriculum.name and shape is not None and _shape(other) == shape


def _shape(trial: Trial) -> tuple[int, ...] | None:
    """The shape of a trial's scans; None if its data set no longer exists."""
    try:
        return tuple(registry.make("datasets", trial.data.name, trial.data.params).shape)
    except BenchError:
        return None


def in_words(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} seconds"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"
