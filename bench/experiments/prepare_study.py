"""A study made ready to be shown or run: its data sets found, its cells laid out, what is done counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import Arm, BenchError, Data, Design, Study, Trial, paths, plain, plural
from bench.data.prepare import fingerprint
from bench.experiments import plan
from bench.experiments.plan import Cell, ResolvedData
from bench.experiments.plan.estimate import Estimate, TrialCost, cost_kind, estimate
from bench.method import Method
from bench.storage.record_store import Store
from bench.views import effective

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class PlannedStudy:
    """What a study asks for, here and now."""

    name: str
    study: Study
    found: list[ResolvedData]
    notes: list[str]
    cells: list[Cell]
    store: Store
    smoke: bool = False  # at its smallest, to prove that it runs

    @cached_property
    def trials(self) -> dict[str, Trial]:
        """Every trial by its key, once."""
        return {cell.trial.key: cell.trial for cell in self.cells}

    @cached_property
    def found_done(self) -> dict[str, tuple[str, float]]:
        """key -> status and seconds of every trial; those without a record are `open`."""
        records = {key: self.store.get(key) for key in self.trials}
        return {
            key: (record.status, record.provenance.get("seconds", 0.0)) if record else ("open", 0.0)
            for key, record in records.items()
        }

    @property
    def statuses(self) -> Counter:
        """How many trials there are of each status."""
        return Counter(status for status, _ in self.found_done.values())

    def lines(self) -> list[str]:
        """What it will run, on which data, under which recipe."""
        study, recipe = self.study, self.study.recipe
        arms = {cell.arm for cell in self.cells if cell.role == "arm"}
        numbers = [1] if self.smoke else list(dict.fromkeys(item.division(study.folds).folds for item in self.found))
        folds = f"{', '.join(map(str, numbers))} {'fold' if numbers == [1] else 'folds'}"
        anew = list(dict.fromkeys(item.partitions(study.partitions) for item in self.found))
        partitions = f"{', '.join(map(str, anew))} {'partition' if anew == [1] else 'partitions'}"
        shape = f"{folds} x {partitions} x {plural(study.seeds, 'seed')}"
        scans, threads = plural(recipe.batch_size, "scan"), plural(recipe.threads, "thread")
        budget = f"{plural(recipe.steps, 'optimiser step')} of {scans}, {threads} each"
        return [
            *(_data_line(item) for item in self.found),
            *self.notes,
            *self.remarks,
            *plan.design_lines(study),
            f"{plural(len(arms), 'arm')}, {shape}: {plural(len(self.trials), 'trial')}, {self._progress()}; {budget}",
            f"{plural(len(self.cells), 'cell')} of the tables, {plural(self.pairs, 'pair')} of runs to compare",
            *self._taking(),
        ]

    @cached_property
    def remarks(self) -> list[str]:
        """What methods remark on the size of the scans that they would read, arms with one remark together."""
        found: dict[tuple[str, str], list[str]] = {}
        for item in self.found:
            for label, arm in self.study.rows():
                if words := _remark(item, arm):
                    found.setdefault((item.where, words), []).append(label)
        return [f"{where}: {', '.join(labels)}: {words}" for (where, words), labels in found.items()]

    def _progress(self) -> str:
        counts = self.statuses
        rest = [f"{counts[name]} {name}" for name in ("failed", "refused") if counts[name]]
        remedy = " (--retry runs them again)" if counts["failed"] else ""
        return ", ".join([f"{counts['done']} of them done", *rest]) + remedy

    @property
    def open_trials(self) -> list[Trial]:
        """The trials without a record."""
        return [self.trials[key] for key, (status, _) in self.found_done.items() if status == "open"]

    @cached_property
    def estimate(self) -> Estimate:
        """What the open trials will take, as far as records tell."""
        return estimate(self.open_trials, self.store.root)

    @property
    def pairs(self) -> int:
        """Pairs of runs that contrasts and the effects of factors compare: in one fold with one seed."""
        places = {(cell.trial.where, cell.arm): 0 for cell in self.cells if cell.role == "arm"}
        for cell in self.cells:
            if cell.role == "arm":
                places[cell.trial.where, cell.arm] += 1
        pairs = plan.contrasts(self.study)
        sets = dict.fromkeys(where for where, _ in places)
        declared = sum(min(places.get((where, label), 0) for label in pair) for where in sets for pair in pairs)
        if self.study.design == Design():  # its effects are the contrasts
            return declared
        runs = [{label: count for (where, label), count in places.items() if where == each} for each in sets]
        return declared + sum(plan.effect_pairs(self.study, each) for each in runs)

    def _taking(self) -> list[str]:
        """The estimate in words; what the study itself says, where no record tells anything; nothing of a smoke run."""
        if self.smoke:
            return []
        told = self.estimate
        if told.trials and told.unknown == told.trials and self.study.cost:
            return [*told.lines(), f"the study says: {self.study.cost}"]
        return told.lines()

    def rows(self) -> list[tuple[str, str, int, int]]:
        """(data, arm, trials, done) in the order of the study."""
        trials: Counter = Counter()
        done: Counter = Counter()
        for cell in self.cells:
            label = cell.arm + (" (random labels)" if cell.role == "random_labels" else "")
            trials[cell.trial.where, label] += 1
            done[cell.trial.where, label] += self.found_done[cell.trial.key][0] == "done"
        return [(*place, count, done[place]) for place, count in trials.items()]

    def takes(self) -> dict[tuple[str, str], TrialCost]:
        """(data, arm) -> what one of its open trials takes, where records tell."""
        needs = self.estimate.needs
        kinds = {(cell.trial.where, cell.arm): cost_kind(cell.trial) for cell in self.cells if cell.role != "upstream"}
        return {place: needs[kind] for place, kind in kinds.items() if kind in needs}

    @property
    def arms(self) -> pd.DataFrame:
        """A row per data set and arm: trials, done, and seconds and memory_mb of a trial, NaN if no record tells."""
        import pandas as pd

        costs = self.takes()
        rows = []
        for data, arm, trials, done in self.rows():
            cost = costs.get((data, arm))
            taken = {"seconds": cost and cost.seconds, "memory_mb": cost and cost.memory_mb}
            rows.append({"data": data, "arm": arm, "trials": trials, "done": done, **taken})
        return pd.DataFrame(rows).astype({"seconds": float, "memory_mb": float})

    def __repr__(self) -> str:
        return f"PlannedStudy({self.name}: {plural(len(self.trials), 'trial')}, {self._progress()})"

    def summary(self) -> dict[str, Any]:
        """The same for scripts."""
        names = ("data", "arm", "trials", "done")
        return {
            "study": self.name,
            "question": self.study.question,
            "data": [{**plain(item.spec), **_how(item)} for item in self.found],
            "notes": [*self.notes, *self.remarks],
            "recipe": plain(self.study.recipe),
            "cells": len(self.cells),
            "pairs": self.pairs,
            "trials": len(self.trials),
            **{status: self.statuses[status] for status in ("done", "failed", "refused", "open")},
            "estimate": self.estimate.summary(),
            "arms": [dict(zip(names, row, strict=True)) for row in self.rows()],
        }


@dataclass(frozen=True)
class StudyRequest:
    """A study as the command line or a program asks for it."""

    study: str
    datasets: Sequence[str] = ()  # instead of all of the study's, as `Data.parse` reads them, commas between
    stand_ins: bool | None = None
    phantoms: bool = False
    given: Study | None = None  # the study itself, if no file in the registry defines it

    @property
    def definition(self) -> Study:
        """The study, before its data sets are replaced. BenchError for an unknown name."""
        return registry.study(self.study) if self.given is None else self.given

    @property
    def data(self) -> Sequence[Data]:
        """The data sets asked for: one that the study itself names is taken as the study describes it."""
        own = self.definition.datasets
        asked = [Data.parse(name) for text in self.datasets for name in text.split(",") if name.strip()]
        return [each for one in asked for each in [had for had in own if had.where == one.where] or [one]] or own

    @property
    def name(self) -> str:
        """Under which name its results lie: other data, another folder."""
        return f"{self.study}-on-{'+'.join(each.where for each in self.data)}" if self.datasets else self.study


def planned(asked: StudyRequest, smoke: bool = False, root: Path | None = None) -> PlannedStudy:
    """Plan a study. root: of the results; $BENCH_RESULTS if None.

    BenchError if the study cannot be built or its data are not prepared.
    """
    study = replace(asked.definition, datasets=list(asked.data))
    plan.check(study, asked.study)
    found, notes = plan.locate(study, fingerprint, asked.stand_ins, asked.phantoms)
    study, more = (plan.smoke(study), []) if smoke else plan.lightened(study, found)
    return lay_out(asked.name, study, found, [*notes, *more, *_repeats(study, found)], smoke, root)


def _repeats(study: Study, found: list[ResolvedData]) -> list[str]:
    """What is said of arms that would be another arm again on images."""
    notes = []
    for item in found:
        again: dict[str, list[str]] = {}
        for label, other in plan.alike(study, item).items():
            again.setdefault(other, []).append(label)
        notes += [
            f"{item.where} holds images, where nothing is pooled: left out as {other} again: {', '.join(labels)}"
            for other, labels in again.items()
        ]
    return notes


def _remark(item: ResolvedData, arm: Arm) -> str:
    """What the method of an arm remarks on the scans of a data set, after its view; empty where it refuses them."""
    method = registry.make("methods", arm.method, arm.params)
    if type(method).note is Method.note:  # it has nothing to remark on, and asking others may build a network
        return ""
    made = registry.make("datasets", item.spec.name, item.spec.params)
    if made.task.kind not in (arm.tasks or (made.task.kind,)) or method.refuses(made.task, made.shape):
        return ""
    return method.note(effective(method.view_for(made.task), made.shape).shape(made.shape, made.spacing))


def lay_out(
    name: str,
    study: Study,
    found: list[ResolvedData],
    notes: list[str],
    smoke: bool = False,
    root: Path | None = None,
) -> PlannedStudy:
    """The cells of a study on resolved data sets. root: of the results; $BENCH_RESULTS if None."""
    cells = plan.cells(study, found)
    if smoke:
        cells = [cell for cell in cells if cell.trial.fold == 0]
    return PlannedStudy(name, study, found, notes, cells, Store(root or paths.results_root()), smoke)


def check_arms(name: str, study: Study) -> None:
    """BenchError where an arm names a network or a file of weights that is not there, or not what it should be."""
    for label, arm in study.rows():
        try:
            registry.make("methods", arm.method, arm.params).check()
        except BenchError as error:
            raise BenchError(f"arm {label!r} of the study {name}: {error}") from error


def _how(item: ResolvedData) -> dict[str, Any]:
    how = {"where": item.where, "split": item.split, "stand_in_for": item.stand_in_for}
    return {**how, "external": plain(item.external)} if item.external else how


def _data_line(item: ResolvedData) -> str:
    made = registry.make("datasets", item.spec.name, item.spec.params)
    nature = "PHANTOM" if made.phantom else "real"
    stands = f", standing in for {item.stand_in_for}" if item.stand_in_for else ""
    return f"data: {item.where} ({nature}{stands}): {made.title}"
