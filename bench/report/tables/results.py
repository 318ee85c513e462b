"""The runs of a study, from its plan and its stored records: a section for each data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bench.core import BenchError, Record, Task
from bench.core.study_plan import DataEntry, PlannedCell, StudyPlan
from bench.evaluation import Cell, Scores, fold_correlation, metrics
from bench.evaluation.metrics import Metric
from bench.report.tables.plan_checks import lacking_cells, plan_mismatch
from bench.storage import tuned_file
from bench.storage.record_store import Store
from bench.storage.stored_plan import not_run, read_plan

KEPT = (  # arrays that tables need
    "ids", "groups", "y", "selected", "scan_scores", "structure_dice", "displacement", "fixed", "moving",
    "source", "target", "psnr", "ssim", "missing", "measured", "label", "found", "spacing",
    "covariate_names", "covariates",
)  # fmt: skip
POINTS = (
    "selected",
    "last",
    "last_five",
    "best_of_last",
    "best_of_all",
)  # the first is the result, the others its audit


@dataclass(frozen=True)
class Run:
    """A cell of the plan and its record, if it has one."""

    cell: PlannedCell
    record: Record | None

    @property
    def place(self) -> Cell:
        """Partition, fold, seed."""
        return self.cell.partition, self.cell.fold, self.cell.seed

    @property
    def status(self) -> str:
        """done, failed, refused, or open if there is no record."""
        return self.record.status if self.record else "open"

    @property
    def done(self) -> bool:
        return self.status == "done"

    def score(self, name: str, point: str = "selected") -> float:
        """A metric of the test part at an evaluation point; NaN if there is none."""
        if not self.done:
            return float("nan")
        scores = self.record.metrics
        found = scores["audit"].get(point) if point in POINTS[2:] else scores[point].get(name)
        return float("nan") if found is None else float(found)


@dataclass(frozen=True)
class DatasetResults:
    """One data set of a study with all of its runs. Phantom and real data sets never share one."""

    plan: StudyPlan
    data: DataEntry
    runs: tuple[Run, ...]
    store: Store

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def phantom(self) -> bool:
        return self.data.phantom

    @property
    def kind(self) -> str:
        return "phantom" if self.phantom else "real"

    @property
    def tested_on(self) -> str:
        """Name of the data set that the test scans come from."""
        return self.data.external.data.name if self.data.external else self.data.set_name

    @property
    def folds(self) -> int:
        """Folds of each partition: a publisher's split has one, and a split by site as many as there are sites."""
        return self.plan.folds if self.data.folds is None else self.data.folds

    @property
    def partitions(self) -> int:
        """The number of divisions into folds: one for a split by site and for a publisher's split."""
        return self.plan.partitions if self.data.partitions is None else self.data.partitions

    @property
    def external(self) -> bool:
        """Whether the models of all folds are tested on one other data set: the same people for every fold."""
        return self.data.external is not None

    @cached_property
    def correlation(self) -> float:
        """Of the errors of two folds of one pass; 0 where no model learns from what another is tested on."""
        sizes = {run.place[:2]: run.record.sizes for run in self._divided}
        train, test = (float(np.mean([each[part] for each in sizes.values()] or [0])) for part in ("train", "test"))
        return 0.0 if self.external or not train or not test else fold_correlation(self.folds, train, test)

    @property
    def task(self) -> Task:
        return self.data.task

    @cached_property
    def metric(self) -> Metric:
        """The primary metric of the task."""
        return metrics.metric(self.task.primary)

    @property
    def sign(self) -> int:
        """1 if a higher score is better, -1 if a lower one is: sign x (a - b) is the improvement of a on b."""
        return 1 if self.metric.better == "higher" else -1

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The labels in the order of the plan, without controls and upstream runs."""
        return tuple(dict.fromkeys(run.cell.arm for run in self.runs if run.cell.role == "arm"))

    def unit(self, metric: Metric) -> str:
        """The unit of a metric; empty if it has none."""
        return self.task.unit if metric.unit == "target" else metric.unit

    def of(self, arm: str, role: str = "arm") -> list[Run]:
        """The runs of an arm in one role, in the order of the plan."""
        return self._rows.get((role, arm), [])

    def scores(self, arm: str, role: str = "arm", name: str = "", point: str = "selected") -> dict[Cell, float]:
        """(partition, fold, seed) -> score of every planned run, NaN if there is none. name: the primary metric.

        The seeds of the A/A control follow those of the arm it repeats; they are numbered as that arm's here.
        """
        shift = self.plan.seeds if role == "again" else 0
        runs = ((run.place, run.score(name or self.task.primary, point)) for run in self.of(arm, role))
        return {(partition, fold, seed - shift): score for (partition, fold, seed), score in runs}

    def one_pass(self, run: Run) -> tuple[int, ...]:
        """The pass over the people that a run belongs to: each pass tests a person at most once."""
        partition, fold, seed = run.place
        return (partition, seed, fold) if self.external else (partition, seed)

    def undefined(self, arm: str, role: str = "arm") -> set[Cell]:
        """The cells of `scores` whose runs are done and have no score."""
        shift = self.plan.seeds if role == "again" else 0
        lacking = [run.place for run in self.of(arm, role) if run.done and math.isnan(run.score(self.task.primary))]
        return {(partition, fold, seed - shift) for partition, fold, seed in lacking}

    def counted(self) -> tuple[int | None, int | None]:
        """Scans and people of the data set: as many as the records of one pass name; None if they do not show it."""
        if self.data.external or self.data.split == "publisher":
            return None, None  # parts of two sets, or parts that share people
        sizes = next((run.record.sizes for run in self._divided), None)
        if sizes is None:
            return None, None
        parts = ("train", "val", "test")
        return sum(sizes[part] for part in parts), sum(sizes[f"{part}_groups"] for part in parts)

    def predictions(self, run: Run) -> Mapping[str, np.ndarray]:
        """The arrays kept with a finished run, read once: ids, groups, y, selected; empty if there are none."""
        key = run.cell.key
        if key not in self._kept:
            self._kept[key] = self.store.predictions(key, run.record, KEPT) if run.done else {}
        return self._kept[key]

    @cached_property
    def people(self) -> frozenset[str]:
        """Every name of a scan or a person that the kept predictions hold: none may be shown."""
        names: set[str] = set()
        for run in (run for run in self.runs if run.cell.role == "arm"):
            kept = self.predictions(run)
            names.update(map(str, kept.get("ids", ())), map(str, kept.get("groups", ())))
        return frozenset(names)

    @property
    def nodes(self) -> frozenset[str]:
        """Names of the machines of a cluster that made records: no report shows them."""
        return frozenset(run.record.provenance.get("node", "") for run in self.runs if run.record) - {""}

    @cached_property
    def _kept(self) -> dict[str, Mapping[str, np.ndarray]]:
        return {}

    @cached_property
    def contributions(self) -> dict[str, Any]:
        """Key of a run -> what its scans contribute to its score, as far as that was computed."""
        return {}

    @property
    def _divided(self) -> list[Run]:
        """The runs whose records have the sizes of the parts of this data set; pretrainings have those of others."""
        return [r for r in self.runs if r.done and r.record.sizes and r.record.trial.held_out is None]

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[Run]]:
        rows: dict[tuple[str, str], list[Run]] = {}
        for run in self.runs:
            rows.setdefault((run.cell.role, run.cell.arm), []).append(run)
        return rows


@dataclass(frozen=True)
class Results:
    """A study and its results so far."""

    plan: StudyPlan
    sections: tuple[DatasetResults, ...]
    damaged: Mapping[str, str] = field(default_factory=dict)  # key -> the fault of its record, which counts as open
    tuned_parameters: Mapping[str, Any] = field(default_factory=dict)  # from `bench tune`; empty without a search

    @property
    def name(self) -> str:
        return self.plan.study

    @property
    def records(self) -> list[Record]:
        """Every stored record, each once."""
        runs = (run for section in self.sections for run in section.runs)
        return list({run.cell.key: run.record for run in runs if run.record}.values())


def read(study: str, root: Path) -> Results:
    """The results of a study under a results root. BenchError if it was not run there."""
    path = Path(root) / study / "plan.json"
    if not path.is_file():
        raise not_run(study, path.parent)
    return gather(read_plan(path), Store(root))


def gather(plan: StudyPlan, store: Store) -> Results:
    """The results of a plan from a store. BenchError if two data sets share a name."""
    names = [entry.name for entry in plan.data]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BenchError(f"the study {plan.study} has {', '.join(sorted(twice))} more than once among its data sets")
    records = {key: store.verified(key) for key in dict.fromkeys(cell.key for cell in plan.cells)}
    runs = [Run(cell, records[cell.key]) for cell in plan.cells]
    for entry in plan.data:
        if fault := lacking_cells(plan, entry):
            raise BenchError(fault)
    sections = (_section(plan, entry, runs, store) for entry in plan.data)
    first = tuple(sorted(sections, key=lambda section: section.phantom))  # real ones
    for run in (run for section in first for run in section.runs if run.record):
        if fault := plan_mismatch(plan, run):
            raise BenchError(fault)
    searched = store.root / plan.study / tuned_file.FILE
    return Results(plan, first, dict(store.damaged), tuned_file.read_tuned(searched) if searched.is_file() else {})


def _section(plan: StudyPlan, entry: DataEntry, runs: Sequence[Run], store: Store) -> DatasetResults:
    return DatasetResults(plan, entry, tuple(run for run in runs if run.cell.data == entry.name), store)


def number_or_nan(value: Any) -> float:
    """A number of a record; NaN if it has none."""
    return float("nan") if value is None else float(value)


def by_fold(scores: Scores) -> np.ndarray:
    """(J,) scores of the (partition, fold), seeds averaged, those without a score left out."""
    from bench.evaluation import average_seeds

    return np.array(list(average_seeds(scores).values()))
