"""A study that is ready to be run or shown: its data sets, its cells, and which of its trials have a record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import Arm, DataSpec, Design, Study, Trial, arm_label, paths, plain, plural
from bench.experiments import method_notes, plan
from bench.experiments.plan import Cell, ResolvedData
from bench.experiments.plan.estimate import Estimate, TrialCost, cost_kind, estimate
from bench.storage.record_store import Store

if TYPE_CHECKING:
    import pandas as pd

    from bench.experiments.power.power_forms import StudyPower


@dataclass(frozen=True)
class ArmRow:
    """Trials of an arm on a data set."""

    data: str
    arm: str
    random_labels: bool  # whether these are the runs of the control
    trials: int
    done: int

    @property
    def label(self) -> str:
        """The arm as tables name it."""
        return arm_label(self.arm, "random_labels") if self.random_labels else self.arm

    def summary(self) -> dict[str, Any]:
        """The row as JSON."""
        return {"data": self.data, "arm": self.label, "trials": self.trials, "done": self.done}


@dataclass(frozen=True, repr=False)
class PlannedStudy:
    """A study with its data sets, its cells, and how many of its trials have a record."""

    name: str
    study: Study
    data: list[ResolvedData]
    notes: list[str]
    cells: list[Cell]
    store: Store
    smoke: bool = False  # the study at its smallest, to check that it runs
    declared: Study | None = None  # the study before its light form, if it runs in that

    @cached_property
    def trials(self) -> dict[str, Trial]:
        """Every trial by its key, once."""
        return {cell.trial.key: cell.trial for cell in self.cells}

    @cached_property
    def trial_statuses(self) -> dict[str, str]:
        """key -> status of every trial; `open` if it has no record."""
        records = {key: self.store.get(key) for key in self.trials}
        return {key: record.status if record else "open" for key, record in records.items()}

    @property
    def statuses(self) -> Counter:
        """Number of trials of each status."""
        return Counter(self.trial_statuses.values())

    def lines(self) -> list[str]:
        """The plan in words: data, arms, trials, recipe, and what the open trials will take."""
        study, recipe, leak = self.study, self.study.recipe, self.study.planted_leak
        arms = {cell.arm for cell in self.cells if cell.role == "arm"}
        numbers = [1] if self.smoke else list(dict.fromkeys(item.division(study.folds).folds for item in self.data))
        folds = f"{', '.join(map(str, numbers))} {'fold' if numbers == [1] else 'folds'}"
        repeats = list(dict.fromkeys(item.partitions(study.partitions) for item in self.data))
        partitions = f"{', '.join(map(str, repeats))} {'partition' if repeats == [1] else 'partitions'}"
        shape = f"{folds} x {partitions} x {plural(study.seeds, 'seed')}"
        scans, threads = plural(recipe.batch_size, "scan"), plural(recipe.threads, "thread")
        budget = f"{plural(recipe.steps, 'optimiser step')} of {scans}, {threads} each"
        return [
            *(_data_line(item) for item in self.data),
            *(_pretraining_line(spec) for spec in self.pretraining_data),
            *self.notes,
            *self.method_notes,
            *([f"planted leak: {leak.where}; the checks of the data must refuse it"] if leak else []),
            *plan.design_lines(study),
            f"{plural(len(arms), 'arm')}, {shape}: {plural(len(self.trials), 'trial')}, {self._progress()}; {budget}",
            f"{plural(len(self.cells), 'run')} in the tables (a trial counts for each arm and control that uses it), "
            f"{plural(self.pairs, 'comparison')} of two runs with the same fold and seed",
            *self._cost_lines(),
        ]

    @cached_property
    def method_notes(self) -> list[str]:
        """Notes of methods on the scans that they would read, one line for the arms that share a note."""
        return method_notes.notes(self.data, self._rows)

    @cached_property
    def refusals(self) -> list[str]:
        """The arms that a data set refuses, with the reason; a run asks again, and records it."""
        return method_notes.refusals(self.data, self._rows)

    @property
    def _rows(self) -> list[tuple[str, Arm]]:
        """(label, arm) of the arms that are planned."""
        planned = {cell.arm for cell in self.cells}
        return [(label, arm) for label, arm in self.study.rows() if label in planned]

    @property
    def pretraining_data(self) -> list[DataSpec]:
        """The data sets that networks are pretrained on, each once."""
        specs = [cell.trial.data for cell in self.cells if cell.trial.held_out]
        return list({spec.text: spec for spec in specs}.values())

    def _progress(self) -> str:
        counts = self.statuses
        rest = [f"{counts[name]} {name}" for name in ("failed", "refused") if counts[name]]
        remedy = " (--retry runs them again)" if counts["failed"] else ""
        return ", ".join([f"{counts['done']} of them done", *rest]) + remedy

    @property
    def open_trials(self) -> list[Trial]:
        """The trials without a record."""
        return [self.trials[key] for key, status in self.trial_statuses.items() if status == "open"]

    @cached_property
    def estimate(self) -> Estimate:
        """What the open trials will take, as far as records can tell."""
        return estimate(self.open_trials, self.store.root)

    @cached_property
    def power(self) -> StudyPower:
        """What the study could show as it is planned, and what more partitions, seeds or people would buy."""
        from bench.experiments.power.study_power import study_power

        return study_power(self)

    @property
    def pairs(self) -> int:
        """Number of pairs of runs that contrasts and effects of factors compare: same fold, same seed."""
        places = {(cell.where, cell.arm): 0 for cell in self.cells if cell.role == "arm"}
        for cell in self.cells:
            if cell.role == "arm":
                places[cell.where, cell.arm] += 1
        pairs = plan.contrasts(self.study)
        sets = dict.fromkeys(where for where, _ in places)
        declared = sum(min(places.get((where, label), 0) for label in pair) for where in sets for pair in pairs)
        if self.study.design == Design():  # its effects are the contrasts
            return declared
        runs = [{label: count for (where, label), count in places.items() if where == each} for each in sets]
        return declared + sum(plan.effect_pairs(self.study, each) for each in runs)

    def _cost_lines(self) -> list[str]:
        """The estimate in words, or the study's own if no record helps; empty for a smoke run."""
        if self.smoke:
            return []
        estimate = self.estimate
        if estimate.trials and estimate.unknown == estimate.trials and self.study.cost:
            return [*estimate.lines(), f"cost given by the study: {self.study.cost}"]
        return estimate.lines()

    def rows(self) -> list[ArmRow]:
        """Trials and finished trials of every arm on every data set, in the order of the study."""
        trials: Counter = Counter()
        done: Counter = Counter()
        for cell in self.cells:
            place = cell.where, cell.arm, cell.role == "random_labels"
            trials[place] += 1
            done[place] += self.trial_statuses[cell.trial.key] == "done"
        return [ArmRow(*place, count, done[place]) for place, count in trials.items()]

    def trial_costs(self) -> dict[tuple[str, str], TrialCost]:
        """(data, arm) -> what one of its open trials takes, if records tell."""
        needs = self.estimate.needs
        kinds = {(cell.where, cell.arm): cost_kind(cell.trial) for cell in self.cells if cell.role != "upstream"}
        return {place: needs[kind] for place, kind in kinds.items() if kind in needs}

    @property
    def arms(self) -> pd.DataFrame:
        """A row per data set and arm: trials, done, and seconds and memory_mb of a trial, NaN if no record tells."""
        import pandas as pd

        costs, rows = self.trial_costs(), []
        for row in self.rows():
            cost = costs.get((row.data, row.arm))
            taken = {"seconds": cost and cost.seconds, "memory_mb": cost and cost.memory_mb}
            rows.append({**row.summary(), **taken})
        return pd.DataFrame(rows).astype({"seconds": float, "memory_mb": float})

    def __repr__(self) -> str:
        return f"PlannedStudy({self.name}: {plural(len(self.trials), 'trial')}, {self._progress()})"

    def summary(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "study": self.name,
            "question": self.study.question,
            "data": [{**plain(item.spec), **_how(item)} for item in self.data],
            **({"pretraining": [plain(spec) for spec in self.pretraining_data]} if self.pretraining_data else {}),
            "notes": [*self.notes, *self.method_notes],
            "refusals": self.refusals,
            "recipe": plain(self.study.recipe),
            "cells": len(self.cells),
            "pairs": self.pairs,
            "trials": len(self.trials),
            **{status: self.statuses[status] for status in ("done", "failed", "refused", "open")},
            "estimate": self.estimate.summary(),
            "arms": [row.summary() for row in self.rows()],
        }


def plan_cells(
    name: str,
    study: Study,
    data: list[ResolvedData],
    notes: list[str],
    smoke: bool = False,
    root: Path | None = None,
) -> PlannedStudy:
    """The cells of a study on resolved data sets. root: of the results; $BENCH_RESULTS if None."""
    cells = plan.cells(study, data)
    if smoke:
        cells = [cell for cell in cells if cell.trial.fold == 0]
    return PlannedStudy(name, study, data, notes, cells, Store(root or paths.results_root()), smoke)


def _how(item: ResolvedData) -> dict[str, Any]:
    how = {"where": item.where, "split": item.split, "stand_in_for": item.stand_in_for}
    return {**how, "external": plain(item.external)} if item.external else how


def _pretraining_line(spec: DataSpec) -> str:
    dataset = registry.make("datasets", spec.name, spec.params)
    nature = "PHANTOM" if dataset.phantom else "real"
    return (
        f"pretraining: {spec.name} ({nature}): {dataset.title}; without the people of the validation and test parts of"
        " each fold"
    )


def _data_line(item: ResolvedData) -> str:
    dataset = registry.make("datasets", item.spec.name, item.spec.params)
    nature = "PHANTOM" if dataset.phantom else "real"
    stands = f", standing in for {item.stand_in_for}" if item.stand_in_for else ""
    return f"data: {item.where} ({nature}{stands}): {dataset.title}"
