"""Searches the parameters of a study's arms, and writes what all its searches have found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bench.core import plural
from bench.experiments import plan
from bench.experiments import search as tuning
from bench.experiments.launch.jobs import note_peak
from bench.experiments.planned_study import PlannedStudy
from bench.experiments.prepare_study import StudyRequest, check_arms, plan_study
from bench.experiments.run_monitor import RunMonitor
from bench.experiments.search import result_files, search_report
from bench.experiments.search.search_definition import check_tuning
from bench.experiments.study_data import make_phantoms, repair_prepared
from bench.storage import tuned_file
from bench.storage.atomic_io import disk_errors
from bench.storage.locks import locked

SessionCallback = Callable[[tuning.SearchSession], None]


@dataclass(frozen=True)
class TuneOptions:
    """How the parameters of a study are searched."""

    trials: int | None = None  # candidates of each search; None: as the study says
    arms: Sequence[str] = ()  # labels; none: all arms with a space
    folds: Sequence[int] = ()  # from 0; none: all
    storage: str = ""  # a file or the URL of a database; empty: search.db in the study's folder
    launcher: str = "auto"
    address: str = ""  # of a Ray cluster


@dataclass(frozen=True)
class PlannedSearches:
    """The searches of a study on prepared data."""

    study: PlannedStudy
    searches: list[tuning.Search]
    notes: list[str]
    options: TuneOptions

    @property
    def folder(self) -> Path:
        """The study's own folder of results."""
        return plan.folder(self.study.name, self.study.store.root)

    @property
    def budget(self) -> int:
        """Candidates of each search."""
        return self.searches[0].tuning.trials

    @cached_property
    def storage(self) -> tuning.OptunaStorage:
        """Where the candidates are stored."""
        return tuning.OptunaStorage(self.options.storage or str(self.folder / "search.db"))

    @property
    def locks(self) -> Path:
        """The folder of locks and checkpoints."""
        return (self.folder if self.storage.on_server else self.storage.path.parent) / ".search"

    @cached_property
    def every(self) -> list[tuning.Search]:
        """All searches of the study, also those of arms and folds that were not chosen."""
        return tuning.all_searches(self.study.name, self.study.study, self.study.data)

    def lines(self) -> list[str]:
        """The searches in words."""
        first = self.searches[0]
        recipe, how = first.trial.recipe, first.tuning
        return [
            *self.notes,
            f"{plural(len(self.searches), 'search', 'searches')} of {self.budget} candidates,"
            f" {recipe.steps} steps of {recipe.batch_size} scans each:"
            f" sampler {how.sampler}, pruner {how.pruner}, seed {how.seed}",
            f"stored in {self.storage.safe_name}; the test parts are not read",
        ]


@dataclass(frozen=True)
class TuneResult:
    """What the searches of a study have found."""

    results: list[tuning.SearchResult]  # of the searches that were run now
    entry: dict[str, Any]  # tuned.json
    file: Path  # of tuned.json
    page: Path  # the report


def plan_searches(request: StudyRequest, options: TuneOptions, monitor: RunMonitor) -> PlannedSearches:
    """The searches of a study, with its data prepared. BenchError if the request is wrong, before data are made."""
    tuning.search_launcher(options.launcher, options.address)
    planned = plan_study(request)
    how = check_tuning(request.name, planned.study)
    study = replace(planned.study, tuning=how if options.trials is None else replace(how, trials=options.trials))
    check_tuning(request.name, study)
    tuning.define_searches(request.name, study, planned.data, options.arms, options.folds)
    check_arms(request.name, study)
    repair_prepared(request.data, study, monitor)
    planned = make_phantoms(replace(planned, study=study), monitor)
    searches, notes = tuning.define_searches(request.name, study, planned.data, options.arms, options.folds)
    return PlannedSearches(planned, searches, [*planned.notes, *notes], options)


def run_searches(planned: PlannedSearches, progress: SessionCallback, monitor: RunMonitor) -> TuneResult:
    """Run what is left of the searches, and write tuned.json and its report. progress: see `_with_start`."""
    options, storage = planned.options, planned.storage
    started = partial(
        result_files.write_searches,
        planned.folder,
        planned.study.name,
        planned.every,
        planned.searches,
        storage,
        planned.locks,
    )
    target = tuning.RayTarget(options.address, _peaks(planned.study), monitor.message)
    results = tuning.run_searches(
        planned.searches, storage, planned.budget, planned.locks, options.launcher,
        _with_start(started, progress), target,
    )  # fmt: skip
    return _save(planned, results)


def _with_start(started: Callable[[], None], progress: SessionCallback) -> SessionCallback:
    """`progress`, and `started` before its first call, when the storage is open and no candidate has been tried."""
    calls: list[None] = []

    def callback(session: tuning.SearchSession) -> None:
        if not calls:
            calls.append(started())
        progress(session)

    return callback


def _peaks(study: PlannedStudy) -> dict[tuple[str, str], float]:
    """Peak memory of trials of the study by device and kind, as far as there are records."""
    peaks: dict[tuple[str, str], float] = {}
    for key in study.trials:
        if (record := study.store.get(key)) is not None:
            note_peak(peaks, record)
    return peaks


def _save(planned: PlannedSearches, results: list[tuning.SearchResult]) -> TuneResult:
    """Write what all searches in the storage have found, those of earlier runs included."""
    folder, storage, every = planned.folder, planned.storage, planned.every
    with disk_errors(folder), locked(folder / ".tuned.claim"):  # processes that shared the search end at the same time
        mine = {one.search.identity: one for one in results}
        known = {**tuning.read_results([one for one in every if one.identity not in mine], storage), **mine}
        over = [known[one.identity] for one in every if one.identity in known and known[one.identity].complete]
        file = folder / tuned_file.FILE
        entry = result_files.write_tuned(file, folder.name, over, storage, every)
        begun = [_begun(one) for one in known.values() if not one.complete]
        page = search_report.write_report(
            folder, planned.study.study.question, over, entry, [*planned.notes, *begun], every
        )
        return TuneResult(results, entry, file, page)


def _begun(one: tuning.SearchResult) -> str:
    ended = len(one.candidates) - one.states["running"]
    return f"{one.search.label}: begun, {ended} of {one.trials} candidates"
