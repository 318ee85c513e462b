"""What a run says at its end: which trials failed, which arms were refused and why, and if anything can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.core import RunAbortedError, plural
from bench.experiments.plan import Cell
from bench.storage.record_store import Store

SHOWN = 10  # failed trials that are told one by one


@dataclass
class RunSummary:
    """What came of the trials of a study, those of earlier runs among them."""

    study: str
    reference: str
    trials: int
    failures: list[str] = field(default_factory=list)  # of each failed trial, in words
    arms: Counter = field(default_factory=Counter)  # (arm, data) -> trials
    refused: Counter = field(default_factory=Counter)  # (arm, data) -> those that were refused
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)  # (arm, data) -> the first reason

    @property
    def failed(self) -> int:
        """How many trials have failed."""
        return len(self.failures)

    @property
    def verdict(self) -> str:
        """Why nothing can be compared, as the reference or all arms were refused on all data; else empty."""
        whole = {arm for arm, _ in self.arms if all(self._whole(each) for each in self.arms if each[0] == arm)}
        if self.arms and whole == {arm for arm, _ in self.arms}:
            return "every arm was refused: there is nothing to compare"
        return f"the reference, {self.reference}, was refused: nothing is compared with it" * (self.reference in whole)

    def lines(self, smoke: bool) -> list[str]:
        """All of it in words; of a smoke run that the study runs, where it does."""
        told = self.failures[:SHOWN]
        if self.failed:
            hint = "" if smoke else "; their records hold the tracebacks, and --retry runs them again"
            told.append(f"{plural(self.failed, 'trial')} failed{hint}")
        told += [f"refused: {arms}: {why}" for why, arms in self._refusals()]
        told += [self.verdict] if self.verdict else []
        if smoke and not self.failed and not self.verdict:
            arms, sets = len({arm for arm, _ in self.arms}), len({data for _, data in self.arms})
            rest = f", {len(self.reasons)} of these pairs refused" if self.reasons else ""
            told.append(
                f"the study {self.study} runs: {plural(arms, 'arm')} on {plural(sets, 'data set')},"
                f" {plural(self.trials, 'trial')}{rest}; its numbers are thrown away"
            )
        return told

    def _refusals(self) -> list[tuple[str, str]]:
        """(reason, who was refused for it on which data): a line for each reason on each data set."""
        found: dict[tuple[str, str], list[str]] = {}
        for (arm, data), why in self.reasons.items():
            found.setdefault((data, why), []).append(f"{arm}{self._part(arm, data)}")
        return [(why, f"{', '.join(arms)} on {data}") for (data, why), arms in found.items()]

    def _whole(self, place: tuple[str, str]) -> bool:
        return self.refused[place] == self.arms[place]

    def _part(self, arm: str, data: str) -> str:
        """How many of its trials, where they are not all."""
        place = arm, data
        return "" if self._whole(place) else f" ({self.refused[place]} of {plural(self.arms[place], 'trial')})"


def outcome(study: str, reference: str, cells: Sequence[Cell], store: Store) -> RunSummary:
    """What came of the trials of these cells. HaltError where some that were run have no record."""
    came = RunSummary(study, reference, len({cell.trial.key for cell in cells}))
    missing, seen = 0, set()
    for cell in cells:
        if cell.trial.key in seen and cell.role != "arm":
            continue
        record = store.get(cell.trial.key)
        if record is None:
            missing += 1
        elif record.status == "failed" and cell.trial.key not in seen:
            place = f"{cell.arm}, fold {cell.trial.fold + 1}, seed {cell.trial.seed}"
            came.failures.append(f"failed: {place}: {record.error['kind']}: {record.error['message']}")
        if cell.role == "arm":
            where = cell.arm, cell.trial.where
            came.arms[where] += 1
            if record is not None and record.status == "refused":
                came.refused[where] += 1
                came.reasons.setdefault(where, record.error["message"])
        seen.add(cell.trial.key)
    if missing:
        gone = f"{missing} records in {store.trials} are gone, or damaged, since their trials ran"
        raise RunAbortedError(f"{gone}; the same command runs them again")
    return came
