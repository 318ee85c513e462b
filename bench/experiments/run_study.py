"""Runs the trials of a study that have no record yet, and summarises all of them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.core import BenchError
from bench.experiments import plan
from bench.experiments.plan import Cell
from bench.experiments.plan.estimate import cost_kind
from bench.experiments.planned_study import PlannedStudy
from bench.experiments.planted_leak import check_planted_leak, try_planted_leak
from bench.experiments.prepare_study import StudyRequest, check_arms, plan_study
from bench.experiments.run_monitor import RunMonitor
from bench.experiments.run_summary import RunSummary, summarise
from bench.experiments.split_check import check_splits, leak_notes
from bench.experiments.study_data import make_phantoms, repair_prepared
from bench.experiments.study_settings import setting_text
from bench.experiments.used_plugins import changed_since_records

if TYPE_CHECKING:
    from bench.experiments.launch import PendingTrials


@dataclass(frozen=True)
class RunOptions:
    """How a study is run."""

    arms: Sequence[str] = ()  # labels; none: all arms
    launcher: str = "auto"
    address: str = ""  # of a Ray cluster
    smoke: bool = False  # the study at its smallest
    retry: bool = False  # failed trials too
    keep_weights: bool = False  # of every trial

    @property
    def target(self) -> tuple[str, str]:
        """Launcher and address; a smoke run is serial unless one of them is given."""
        serial = self.smoke and (self.launcher, self.address) == ("auto", "")
        return ("serial" if serial else self.launcher), self.address


def run_study(request: StudyRequest, options: RunOptions, monitor: RunMonitor, root: Path) -> RunSummary:
    """Run what the results under `root` still lack of a study.

    BenchError if the request is wrong; nothing has been prepared or trained then. RunAbortedError if the run cannot
    go on; finished trials are saved.
    """
    from bench.evaluation.metrics import plugin_metrics
    from bench.experiments import launch

    plugin_metrics()  # one that is defined wrongly stops before anything is printed or made
    repair_prepared(request.data, request.changed.study, monitor)
    study = plan_study(request, options.smoke, root)
    launch.resolve_launcher(*options.target)
    check_planted_leak(study.study)
    plan.select_arms(study.study, study.name, study.cells, options.arms)  # a wrong arm stops before phantoms are made
    if not launch.cluster_address(*options.target):
        _check_threads(study)
    monitor.message(study.study.question)
    study = make_phantoms(study, monitor)
    for line in study.lines():
        monitor.message(line)
    notes, command = _notes(study), command_of(request, options)
    planted = try_planted_leak(study.study, monitor)
    plan.write(study.name, study.study, study.data, study.cells, notes, command, root, planted)
    cells = plan.select_arms(study.study, study.name, study.cells, options.arms)
    _run(study, cells, options, monitor)
    return summarise(study.name, study.study.reference, cells, study.store)


def _run(study: PlannedStudy, cells: Sequence[Cell], options: RunOptions, monitor: RunMonitor) -> None:
    from bench.experiments import launch

    study.store.sweep()
    work = launch.outstanding(cells, study.store, options.keep_weights, options.retry, study.cells)
    for words in work.damaged:
        monitor.message(f"damaged, set aside and run again: {words}")
    if work.trials:
        _check(study)
        work = _in_order(work, study)
    for line in changed_since_records((cell.trial for cell in cells), study.store):
        monitor.message(line)
    launcher, address = options.target
    with monitor.trials(work, {cell.trial.key: cell.arm for cell in cells}) as progress:
        launch.launch(work, study.store, launcher, progress, address)


def _in_order(work: PendingTrials, study: PlannedStudy) -> PendingTrials:
    """The expensive trials first, by earlier records, those of similar trials, or the operations of their networks."""
    from bench.experiments.trial_durations import trial_kind
    from bench.experiments.trial_operations import operations

    needs = study.estimate.needs
    guesses = {trial_kind(trial): needs[kind].seconds for trial in work.trials if (kind := cost_kind(trial)) in needs}
    known = {*guesses, *work.durations.earlier}
    untimed = [trial for trial in work.trials if trial_kind(trial) not in known]
    return work.timed(guesses, operations(work.trials) if untimed else {})


def command_of(request: StudyRequest, options: RunOptions) -> str:
    """The command that runs the same; for a study that no file defines, the Python call as a comment."""
    if request.built is not None:
        settings = f", settings={dict(request.settings)!r}" if request.settings else ""
        return f"# in Python: bench.run(study, name={request.study!r}{settings})"
    words = ["bench", "run", "--study", request.study]
    words += [word for arm in options.arms for word in ("--arm", arm)]
    words += ["--launcher", options.launcher] if options.launcher != "auto" else []
    words += ["--address", options.address] if options.address else []
    words += [word for name in request.datasets for word in ("--datasets", name)]
    words += [word for item in request.settings.items() for word in ("--set", setting_text(*item))]
    words += {None: [], True: ["--stand-ins"], False: ["--no-stand-ins"]}[request.stand_ins]
    flags = {"--phantoms": request.phantoms, "--smoke": options.smoke, "--retry": options.retry}
    flags |= {"--keep-weights": options.keep_weights}
    return shlex.join([*words, *(flag for flag, given in flags.items() if given)])


def _check_threads(study: PlannedStudy) -> None:
    """BenchError if open trials need more processors than this machine has."""
    from bench.experiments import launch

    try:
        launch.check_threads(study.study.recipe.threads)
    except BenchError:
        if study.open_trials:
            raise


def _check(study: PlannedStudy) -> None:
    """BenchError for what only torch or the prepared data can tell: networks, metrics, groups that cannot be split."""
    from bench.evaluation.metric_probe import probe_plugin_metrics
    from bench.evaluation.metrics import metric

    for spec in (spec for item in study.data for spec in item.specs):
        task = registry.make("datasets", spec.name, spec.params).task
        if metric(task.primary).kind != task.kind:
            kind = metric(task.primary).kind
            raise BenchError(f"{spec.name}: the primary metric {task.primary} is for {kind}, not for {task.kind}")
        probe_plugin_metrics(task)
    check_splits(study)
    check_arms(study.name, study.study)


def _notes(study: PlannedStudy) -> list[str]:
    from bench.data.prepare import open_prepared
    from bench.data.prepare.accounting import left_out_counts

    notes = list(study.notes)
    for spec in (spec for item in study.data for spec in item.specs):
        manifest = open_prepared(spec.name, spec.params).manifest
        notes += [f"{spec.name}: {note}" for note in (*manifest.get("notes", []), *left_out_counts(manifest))]
    return list(dict.fromkeys([*notes, *leak_notes(study.data)]))
