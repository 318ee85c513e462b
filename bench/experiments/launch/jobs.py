"""The trials of a plan that are still to run, and the callbacks for the progress of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bench.core import Record, Trial
from bench.experiments.plan import Cell, waves
from bench.experiments.trial_durations import TrialDurations, starting_order, timed_seconds, trial_kind
from bench.storage.record_store import Store


class ProgressCallback(Protocol):
    """Callbacks for the progress of a run. `deferred`: another process runs the trial; it is tried again later."""

    def began(self, trial: Trial) -> None: ...

    def moved(self, trial: Trial, fraction: float) -> None: ...

    def deferred(self, trial: Trial) -> None: ...

    def lost(self, trial: Trial) -> None: ...

    def ended(self, trial: Trial, status: str, notes: Sequence[str]) -> None: ...

    def message(self, words: str) -> None: ...


@dataclass(frozen=True)
class StaleRecord:
    """A record that a new one will replace."""

    mark: str  # checksum of the record when it was read
    why: str  # replaced, damaged


@dataclass(frozen=True)
class PendingTrials:
    """The trials still to run, in waves; keep: keys of those whose weights are saved; outdated: records to replace."""

    waves: list[list[Trial]]
    keep: frozenset[str]
    outdated: Mapping[str, StaleRecord] = field(default_factory=dict)
    damaged: Sequence[str] = ()  # what is damaged, in words
    peaks: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (device, kind of trial) -> megabytes
    store: Store | None = None  # of their records, for what shows the run
    durations: TrialDurations = field(default_factory=TrialDurations)  # what is known before they run

    @property
    def trials(self) -> list[Trial]:
        return [trial for wave in self.waves for trial in wave]

    def timed(self, guesses: Mapping[str, float], work: Mapping[str, float]) -> PendingTrials:
        """The same with what is known of the kinds that have no record here, and the most expensive trials first.

        guesses: kind -> seconds, from records of similar trials. work: kind -> operations.
        """
        durations = TrialDurations(self.durations.earlier, guesses, work)
        orders = [starting_order([trial_kind(trial) for trial in wave], durations) for wave in self.waves]
        waves = [[wave[place] for place in order] for wave, order in zip(self.waves, orders, strict=True)]
        return replace(self, waves=waves, durations=durations)


def memory_kind(trial: Trial) -> str:
    """What trials of equal peak memory have in common: data, method, batch, precision."""
    return f"{trial.data.text} {trial.method.text} {trial.recipe.batch_size} {trial.recipe.precision}"


def outstanding(
    planned: Sequence[Cell], store: Store, keep_all: bool = False, retry: bool = False, plan: Sequence[Cell] = ()
) -> PendingTrials:
    """The trials still to run. retry: failed ones too. Damaged records, and those without weights that another trial
    needs, count as not done.

    plan: all cells of the study if `planned` are some of them, so that the weights of teachers are saved for later.
    """
    needed = {trial.key for cell in (*planned, *plan) for trial in cell.before}
    outdated: dict[str, StaleRecord] = {}
    damaged: list[str] = []
    levels: list[list[Trial]] = []
    finished: list[Record] = []
    peaks: dict[tuple[str, str], float] = {}
    for wave in waves(planned):
        level = []
        for trial in wave:
            why, words, record = _why_open(trial.key, store, needed, retry)
            level += [trial] if why else []
            damaged += [words] if words else []
            if why and why != "missing":
                outdated[trial.key] = StaleRecord(store.mark(trial.key), why)
            if record is not None:
                note_peak(peaks, record)
                finished.append(record)
        levels.append(level)
    keep = {cell.trial.key for cell in planned} if keep_all else needed
    durations = TrialDurations(timed_seconds(finished))
    return PendingTrials(
        [level for level in levels if level], frozenset(keep | needed), outdated, damaged, peaks, store, durations
    )


def note_peak(peaks: dict[tuple[str, str], float], record: Record) -> None:
    """Update the peaks with the measured peak memory of a finished trial."""
    peak = record.cost.get("peak_memory_mb")
    if record.status == "done" and peak is not None:
        kind = record.resolved["device"], memory_kind(record.trial)
        peaks[kind] = max(peak, peaks.get(kind, 0.0))


def _why_open(key: str, store: Store, needed: set[str], retry: bool) -> tuple[str, str, Record | None]:
    """(why a trial has to run: missing, damaged, replaced or empty; the damage in words; its record)."""
    if not store.has(key):
        return "missing", "", None
    record = store.verified(key, weights=key in needed)
    if record is None:
        return "damaged", store.damaged[key], None
    lacking = record.status == "done" and key in needed and store.weights(key) is None
    again = lacking or (record.status == "failed" and retry)
    return ("replaced" if again else ""), "", record
