"""How long trials take by their kind, which of them start first, and how long a run still takes."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from bench.core import Record, Trial

PILOTS = 2  # trials of each kind that was never timed, which start before all others
ALIKE = 1.5  # factor within which kinds take about as long
HALF = 20.0  # trials after which one counts half as much for the pace of a run
NEWEST = 40  # durations of a kind that count, the newest
STARTED = 0.02  # part of a trial after which its own speed tells how long it takes
OVERDUE = 0.1  # part of its usual seconds that a trial is given still, once it has taken longer than usual
SIMULATED = 2000  # open trials beyond which the time left is their mean over those that run at once


@dataclass(frozen=True)
class RunningTrial:
    """A trial that runs: its kind, the fraction done, and the seconds that it took; 0 if it was resumed."""

    kind: str
    fraction: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until all trials are done; None if nothing is known. unknown: trials that they leave out."""

    seconds: float | None
    unknown: int = 0


@dataclass
class TrialDurations:
    """Seconds of trials by kind: of earlier trials, of those that ended in this run, and of those that run.

    earlier: kind -> seconds of finished trials, the oldest first. guesses: kind -> seconds, from records of similar
    trials. work: kind -> operations, for kinds that nothing else is known of; only their ratios count.
    """

    earlier: Mapping[str, Sequence[float]] = field(default_factory=dict)
    guesses: Mapping[str, float] = field(default_factory=dict)
    work: Mapping[str, float] = field(default_factory=dict)
    ended: list[tuple[str, float]] = field(default_factory=list)

    @property
    def timed(self) -> frozenset[str]:
        """The kinds that finished trials or records of similar ones tell of."""
        return frozenset({*self.earlier, *self.guesses})

    def usual(self, running: Iterable[RunningTrial] = ()) -> dict[str, float]:
        """kind -> seconds of a trial, as this run goes: the mean of its kind times the pace of the run."""
        running = list(running)
        means = self._means(running)
        pace = self._pace(means, running)
        known = {kind: seconds * pace for kind, seconds in means.items()}
        rate = self._seconds_per_operation(known)
        return {kind: rate * operations for kind, operations in self.work.items() if rate and operations} | known

    def left(self, waves: Sequence[Sequence[str]], running: Sequence[RunningTrial], at_once: int) -> TimeLeft:
        """How long the waiting trials of each wave (their kinds, in their order) and the running ones will take."""
        usual = self.usual(running)
        rest = [_rest(each, usual.get(each.kind)) for each in running]
        ahead = [[usual[kind] for kind in wave if kind in usual] for wave in waves]
        unknown = rest.count(None) + sum(len(wave) for wave in waves) - sum(len(each) for each in ahead)
        known = [seconds for seconds in rest if seconds is not None]
        if not known and not any(ahead):
            return TimeLeft(None, unknown)
        return TimeLeft(_makespan(known, ahead, max(1, at_once, len(running))), unknown)

    def _means(self, running: Sequence[RunningTrial]) -> dict[str, float]:
        """kind -> mean seconds, the newest first; of kinds that never ended, what similar or running ones tell."""
        taken: dict[str, list[float]] = {kind: list(each) for kind, each in self.earlier.items() if each}
        for kind, seconds in self.ended:
            taken.setdefault(kind, []).append(seconds)
        means = {kind: fmean(each[-NEWEST:]) for kind, each in taken.items()}
        seen: dict[str, list[float]] = {}
        for each in running:
            if each.kind not in means and each.fraction >= STARTED and each.seconds > 0:
                seen.setdefault(each.kind, []).append(each.seconds / each.fraction)
        return dict(self.guesses) | {kind: fmean(each) for kind, each in seen.items()} | means

    def _pace(self, means: Mapping[str, float], running: Sequence[RunningTrial]) -> float:
        """By how much the trials of this run take longer than usual; the newest count most."""
        known = [pair for pair in self.ended if means.get(pair[0])]
        weights = [0.5 ** (age / HALF) for age in range(len(known), 0, -1)]
        parts = [(weight, seconds, means[kind]) for weight, (kind, seconds) in zip(weights, known, strict=True)]
        for each in running:
            expected = each.fraction * means.get(each.kind, 0.0)
            if each.fraction >= STARTED and each.seconds > 0 and expected:
                parts.append((1.0, each.seconds, expected))
        if not parts:
            return 1.0
        cautious = max(means.values())  # a short trial alone says little
        took = cautious + sum(weight * seconds for weight, seconds, _ in parts)
        return took / (cautious + sum(weight * expected for weight, _, expected in parts))

    def _seconds_per_operation(self, known: Mapping[str, float]) -> float:
        timed = {kind: seconds for kind, seconds in known.items() if self.work.get(kind)}
        return sum(timed.values()) / sum(self.work[kind] for kind in timed) if timed else 0.0


def trial_kind(trial: Trial) -> str:
    """What trials that take about as long have in common: data, method, curriculum, split and recipe."""
    return " ".join(part.text for part in (trial.data, trial.method, trial.curriculum, trial.split, trial.recipe))


def starting_order(kinds: Sequence[str], durations: TrialDurations) -> list[int]:
    """Places of trials of these kinds in the order in which they start: the most expensive first.

    Two of each kind that was never timed come before all others. Trials that take about as long keep their order, so
    that the arms go on together. What was never timed is ordered by its operations.
    """
    usual = durations.usual()
    cost = _levels({kind: usual.get(kind, durations.work.get(kind, 0.0)) for kind in kinds})
    seen: Counter[str] = Counter()
    order = []
    for place, kind in enumerate(kinds):
        pilot = seen[kind] if kind not in durations.timed and seen[kind] < PILOTS else PILOTS
        seen[kind] += 1
        order.append((pilot, -cost[kind], place))
    return [place for *_, place in sorted(order)]


def timed_seconds(records: Iterable[Record]) -> dict[str, list[float]]:
    """kind -> seconds of finished trials, the oldest first, of the machine of the newest; resumed ones say nothing."""
    rows = sorted(
        (record.provenance["started"], trial_kind(record.trial), record.provenance["seconds"], machine_of(record))
        for record in records
        if record.status == "done" and not record.resolved.get("resumed_at_step")
        and record.provenance.get("seconds") and record.provenance.get("started")
    )  # fmt: skip
    taken: dict[str, list[float]] = {}
    for _, kind, seconds, machine in rows:
        if machine == rows[-1][3]:
            taken.setdefault(kind, []).append(float(seconds))
    return taken


def machine_of(record: Record) -> str:
    """Device and processor of a record."""
    return f"{record.resolved.get('device', '?')}, {record.provenance.get('processor', '?')}"


def _levels(cost: Mapping[str, float]) -> dict[str, float]:
    """kind -> the highest cost of those that it is alike with: means over few trials tell no more."""
    levels: dict[str, float] = {}
    level = 0.0
    for kind, each in sorted(cost.items(), key=lambda item: -item[1]):
        level = each if each * ALIKE < level or not level else level
        levels[kind] = level
    return levels


def _rest(trial: RunningTrial, usual: float | None) -> float | None:
    """Seconds that a running trial still takes: from its own speed, the more the further it is."""
    if usual is None:
        return None
    if trial.fraction < STARTED:
        return max(usual - trial.seconds, OVERDUE * usual)
    whole = (1 - trial.fraction) * usual + (trial.seconds or trial.fraction * usual)
    return whole * (1 - trial.fraction)


def _makespan(running: Sequence[float], waves: Sequence[Sequence[float]], workers: int) -> float:
    """Seconds until all have ended, if each worker takes the next trial when it is free."""
    if sum(len(wave) for wave in waves) > SIMULATED:
        return (sum(running) + sum(sum(wave) for wave in waves)) / workers
    free = [*running, *[0.0] * (workers - len(running))]
    for wave in waves:
        heapq.heapify(free)
        for seconds in wave:
            heapq.heapreplace(free, free[0] + seconds)
        free = [max(free)] * workers
    return max(free)
