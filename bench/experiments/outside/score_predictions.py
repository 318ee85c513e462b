"""Scores predictions from elsewhere and builds their report: what `bench score` does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import BenchError, Trial
from bench.experiments.outside.division import Division, divide, divide_as_planned
from bench.experiments.outside.label_maps import find_label_maps
from bench.experiments.outside.outside_records import Declaration, store_predictions, why_not_scored
from bench.experiments.outside.outside_study import joined_plan, own_plan
from bench.experiments.outside.prediction_checks import ELSEWHERE, FOLDS, predictions_by_fold
from bench.experiments.outside.predictions_file import OutsidePredictions, read_predictions
from bench.experiments.plan import plan_file
from bench.storage.record_store import Store
from bench.storage.stored_plan import write_plan

NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class ScoreRequest:
    """What is to be scored.

    Attributes
    ----------
    source : Path
        A table of predictions, or a folder of label maps.
    data : str
        Data set and split, as in `Data.where`; with a study: the data in its tables.
    params : mapping
        Parameters of the data set that differ from its defaults, if the predictions join no study.
    declared : Declaration
        Name, and what the user declares.
    study : str
        Study that the predictions join; empty: they make one of their own.
    new : str
        Name of the study that results; empty: made from the others.
    folds, partitions : int
        Numbers of folds and of partitions, if they join no study.
    command : str
        The command, for the report.
    """

    source: Path
    data: str
    declared: Declaration
    params: Mapping[str, Any] = field(default_factory=dict)
    study: str = ""
    new: str = ""
    folds: int = 5
    partitions: int = 4
    command: str = ""

    @property
    def result(self) -> str:
        """Name of the study that results. BenchError if it cannot name a folder, or is a study that is trained."""
        name = self.new or (f"{self.study}-and-{self.declared.name}" if self.study else f"score-{self.declared.name}")
        if not NAME.fullmatch(name) or name == "trials":
            raise BenchError(f"{name!r} cannot name a folder of results; give --as with letters, digits, '_' and '-'")
        if name == self.study or name in registry.names("studies"):
            raise BenchError(f"{name!r} is a study that is trained here; give another name with --as")
        return name


def score_predictions(request: ScoreRequest, root: Path) -> Path:
    """Check and score predictions, save their records and a plan, and build the report.

    Parameters
    ----------
    request : ScoreRequest
        What is to be scored.
    root : Path
        Folder of the results.

    Returns
    -------
    Path
        The page of the report.

    Raises
    ------
    BenchError
        If the predictions do not fit the data, or the study does not.
    """
    from bench import report

    if request.declared.trained not in (FOLDS, ELSEWHERE):
        raise BenchError(f"--trained is {FOLDS} or {ELSEWHERE}, not {request.declared.trained!r}")
    name = request.result
    base = plan_file.read(request.study, root) if request.study else None
    if base is None:
        division = divide(request.data, request.params, request.folds, request.partitions)
    else:
        division = divide_as_planned(base, request.data)
    arms = _stored(request, division, Store(root))
    if base is None:
        plan = own_plan(name, division, arms, request.command)
    else:
        plan = joined_plan(name, base, division, arms, request.command)
    write_plan(root / name / "plan.json", plan)
    return report.build(name, root)


def _stored(request: ScoreRequest, division: Division, store: Store) -> dict[str, list[Trial]]:
    """Name of every arm -> its trials; all predictions are checked before a record is written."""
    if reason := why_not_scored(division):
        raise BenchError(reason)
    given = _given(request, division)
    checked = [(each, predictions_by_fold(division, each, request.declared.trained)) for each in given]
    arms = {}
    for each, predictions in checked:
        declared = Declaration(each.name, request.declared.trained, request.declared.selection)
        arms[each.name] = store_predictions(division, predictions, declared, each.checksum, store)
    return arms


def _given(request: ScoreRequest, division: Division) -> list[OutsidePredictions]:
    source, task = request.source, division.prepared.task
    if not source.exists():
        raise BenchError(f"{source} does not exist")
    if task.per_voxel != source.is_dir():
        wanted = "a folder of label maps" if task.per_voxel else "a table of predictions"
        raise BenchError(f"{division.prepared.name} is a {task.kind} task: give {wanted}, not {source}")
    if source.is_dir():
        return find_label_maps(source, request.declared.name)
    return read_predictions(source, task, request.declared.name)
