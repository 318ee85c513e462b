"""The summary of a run: failed trials, refused arms with the reasons, and whether anything can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.core import RunAbortedError, plural
from bench.experiments.plan import Cell
from bench.storage.record_store import Store

LISTED = 10  # failed trials that are listed one by one


@dataclass
class RunSummary:
    """Failed and refused trials of a study, including those of earlier runs."""

    study: str
    reference: str
    trials: int
    failures: list[str] = field(default_factory=list)  # a line for each failed trial
    arms: Counter = field(default_factory=Counter)  # (arm, data) -> trials
    refused: Counter = field(default_factory=Counter)  # (arm, data) -> refused trials
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)  # (arm, data) -> the first reason

    @property
    def failed(self) -> int:
        """Number of failed trials."""
        return len(self.failures)

    @property
    def verdict(self) -> str:
        """Why nothing can be compared: the reference, or every arm, was refused on all data. Empty otherwise."""
        arms = {arm for arm, _ in self.arms}
        refused = {arm for arm in arms if all(self._all_refused(each) for each in self.arms if each[0] == arm)}
        if arms and refused == arms:
            return "every arm was refused, so there is nothing to compare"
        if self.reference in refused:
            return f"the reference arm {self.reference} was refused, so nothing is compared with it"
        return ""

    def lines(self, smoke: bool) -> list[str]:
        """The summary in words. smoke: of a smoke run, which also says that the study runs if it does."""
        lines = self.failures[:LISTED]
        if self.failed:
            hint = "" if smoke else "; the tracebacks are in their records; --retry runs them again"
            lines.append(f"{plural(self.failed, 'trial')} failed{hint}")
        lines += [f"refused: {arms}: {why}" for why, arms in self._refusals()]
        lines += [self.verdict] if self.verdict else []
        if smoke and not self.failed and not self.verdict:
            arms, sets = len({arm for arm, _ in self.arms}), len({data for _, data in self.arms})
            rest = f", {len(self.reasons)} of these pairs refused" if self.reasons else ""
            lines.append(
                f"the study {self.study} runs: {plural(arms, 'arm')} on {plural(sets, 'data set')},"
                f" {plural(self.trials, 'trial')}{rest}; its numbers are discarded"
            )
        return lines

    def _refusals(self) -> list[tuple[str, str]]:
        """(reason, refused arms on a data set) of every reason on every data set."""
        arms: dict[tuple[str, str], list[str]] = {}
        for (arm, data), why in self.reasons.items():
            arms.setdefault((data, why), []).append(f"{arm}{self._part(arm, data)}")
        return [(why, f"{', '.join(names)} on {data}") for (data, why), names in arms.items()]

    def _all_refused(self, place: tuple[str, str]) -> bool:
        return self.refused[place] == self.arms[place]

    def _part(self, arm: str, data: str) -> str:
        """How many of its trials were refused, if not all."""
        place = arm, data
        return "" if self._all_refused(place) else f" ({self.refused[place]} of {plural(self.arms[place], 'trial')})"


def summarise(study: str, reference: str, cells: Sequence[Cell], store: Store) -> RunSummary:
    """The summary of these cells. RunAbortedError if the record of a trial is missing."""
    summary = RunSummary(study, reference, len({cell.trial.key for cell in cells}))
    missing, seen = 0, set()
    for cell in cells:
        if cell.trial.key in seen and cell.role != "arm":
            continue
        record = store.get(cell.trial.key)
        if record is None:
            missing += 1
        elif record.status == "failed" and cell.trial.key not in seen:
            place = f"{cell.arm}, fold {cell.trial.fold + 1}, seed {cell.trial.seed}"
            summary.failures.append(f"failed: {place}: {record.error['kind']}: {record.error['message']}")
        if cell.role == "arm":
            where = cell.arm, cell.where
            summary.arms[where] += 1
            if record is not None and record.status == "refused":
                summary.refused[where] += 1
                summary.reasons.setdefault(where, record.error["message"])
        seen.add(cell.trial.key)
    if missing:
        lost = f"{plural(missing, 'record')} in {store.trials} are missing or damaged although their trials ran"
        raise RunAbortedError(f"{lost}; run the same command to run them again")
    return summary
