"""The harness for a Python program or a notebook: `run`, `plan`, `status` and `load_results` of a study.

The command line calls the same functions. They print nothing unless `progress` is set, and raise a `BenchError` where
the command would end with an error.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import BenchError, Study, paths
from bench.core.study_schema import check_form
from bench.experiments.plan import select_arms
from bench.experiments.planned_study import PlannedStudy
from bench.experiments.prepare_study import StudyRequest, check_arms, plan_study
from bench.experiments.progress import StudyStatus, status_of
from bench.experiments.run_monitor import RunMonitor, SilentMonitor
from bench.experiments.run_study import RunOptions, run_study
from bench.experiments.study_results import Results

__all__ = ["Results", "StudyStatus", "load_results", "plan", "run", "status"]

NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
FOLDERS = ("trials", "comparisons", "explain")  # in the results folder that are not studies


def run(
    study: str | Study,
    *,
    name: str = "",
    datasets: str | Sequence[str] = (),
    arms: str | Sequence[str] = (),
    smoke: bool = False,
    phantoms: bool = False,
    stand_ins: bool | None = None,
    launcher: str = "auto",
    address: str = "",
    retry: bool = False,
    keep_weights: bool = False,
    settings: Mapping[str, Any] | None = None,
    tensorboard: str | Path | None = None,
    results: str | Path | None = None,
    progress: bool | RunMonitor = False,
) -> Results:
    """Run the trials of a study that have no record yet, then build its report.

    The same as ``bench run``: both leave the same records in the same folder, and a finished study trains nothing.

    Parameters
    ----------
    study : str or Study
        Name of a study (``bench list studies`` shows them), or a study that the caller has built.
    name : str
        Name for a `Study` object: the results are stored under it. Not allowed for a study given by its name.
    datasets : str or sequence of str
        Data sets to run on instead of the study's own, as in ``bench run --datasets``.
    arms : str or sequence of str
        Labels of the arms to run; all of them if empty.
    smoke : bool
        Run the study at its smallest, to check that it runs. Nothing is stored: the numbers are in the returned
        object only, where a column marks them. The launcher is serial unless one is given.
    phantoms : bool
        Run on the phantoms of all data sets, whether or not the data sets are prepared.
    stand_ins : bool, optional
        Whether phantoms replace data sets that are not prepared. By default they do if ``$BENCH_DATA`` is not set
        and none of the study's real data sets is prepared.
    launcher : {"auto", "serial", "ray"}
        "auto" is Ray if there are several processors and many trials.
    address : str
        ``HOST:PORT`` of a running Ray cluster, or "auto".
    retry : bool
        Run failed trials again.
    keep_weights : bool
        Store the selected weights of every trial.
    settings : mapping of str to object, optional
        What to change in the study, as in ``bench run --set``: ``{"steps": 1000, "DCL-SE.lr": 0.01}``. The result is
        another study, and is stored under another name, which the returned object has.
    tensorboard : path, optional
        Folder to write the scalars of every trial to, as they come; needs the package tensorboard.
    results : path, optional
        Folder of the results; ``$BENCH_RESULTS``, or ``results`` in the current folder, by default.
    progress : bool or RunMonitor
        True shows progress on the console.

    Returns
    -------
    Results
        Scores, contrasts, predictions and more as pandas frames. Failed trials do not raise: see its ``failures``.

    Raises
    ------
    BenchError
        If the study cannot be built, its data are not prepared, or an argument is wrong.
    RunAbortedError
        If the run cannot go on, for example because the disk is full. Finished trials are saved.

    Examples
    --------
    >>> from bench import run
    >>> run("quickstart", smoke=True).scores  # doctest: +SKIP
    """
    request = _request(study, name, _texts(datasets), stand_ins, phantoms, settings)
    options = RunOptions(_texts(arms), launcher, address, smoke, retry, keep_weights)
    monitor = _monitor(progress)
    if tensorboard is not None:
        from bench.experiments.tensorboard_feed import TensorBoardMonitor

        monitor = TensorBoardMonitor(monitor, tensorboard, request.name)
    if smoke:
        return _smoke_run(request, options, monitor)
    root = _root(results)
    summary = run_study(request, options, monitor, root)
    return _with_report(Results(request.name, root, summary=summary))


def plan(
    study: str | Study,
    *,
    name: str = "",
    datasets: str | Sequence[str] = (),
    phantoms: bool = False,
    stand_ins: bool | None = None,
    measure: bool = False,
    settings: Mapping[str, Any] | None = None,
    results: str | Path | None = None,
    progress: bool | RunMonitor = False,
    arms: str | Sequence[str] = (),
) -> PlannedStudy:
    """Plan a study: the trials it would run, how many are done, and the time that the others will take.

    Parameters
    ----------
    study, name, datasets, phantoms, stand_ins, settings, results, progress
        As for `run`.
    arms : str or sequence of str
        Labels of the arms to plan; all of them if empty.
    measure : bool
        Run a few steps of the trials without a similar record, to estimate their time and memory.

    Returns
    -------
    PlannedStudy
        ``lines()`` is the plan in words, ``arms`` a frame with a row per data set and arm, ``trials`` every trial by
        its key, ``estimate`` the cost of the open trials, ``power`` what the study could show, and at what design.

    Raises
    ------
    BenchError
        If the study cannot be built or its data are not prepared.
    """
    from bench.experiments.split_check import check_splits

    request = _request(study, name, _texts(datasets), stand_ins, phantoms, settings)
    planned = plan_study(request, root=_root(results))
    cells = select_arms(planned.study, planned.name, planned.cells, _texts(arms))
    check_splits(planned)
    check_arms(planned.name, planned.study, again=False)
    planned = replace(planned, cells=cells)
    if not measure:
        return planned
    from bench.experiments.measure import measure as measured

    return measured(planned, _monitor(progress))


def status(study: str, *, results: str | Path | None = None) -> StudyStatus:
    """Report the progress of a study: trials by status, running trials, speed, and reasons of failures.

    Parameters
    ----------
    study : str
        Name of a study that was run, also while it is running.
    results : path, optional
        As for `run`.

    Returns
    -------
    StudyStatus
        Counts of distinct trials, in all and by arm, and what ``bench status`` prints.

    Raises
    ------
    BenchError
        If the study has not been run in that folder.
    """
    return status_of(study, _root(results))


def load_results(study: str, *, results: str | Path | None = None) -> Results:
    """Load the results of the finished trials of a study. Nothing is run, and no report is built.

    Parameters
    ----------
    study : str
        Name of a study that was run.
    results : path, optional
        As for `run`.

    Returns
    -------
    Results
        Its ``path`` is None if no report has been built.

    Raises
    ------
    BenchError
        If the study has not been run in that folder.
    """
    from bench import report

    root = _root(results)
    data = report.read(study, root)
    page = root / study / "report.html"
    return Results(study, root, page if page.is_file() else None, loaded=data)


def _smoke_run(request: StudyRequest, options: RunOptions, monitor: RunMonitor) -> Results:
    """A smoke run in a folder that is removed with the results."""
    folder = Path(tempfile.mkdtemp(prefix="bench-smoke-"))
    try:
        results = Results(request.name, folder, smoke=True, summary=run_study(request, options, monitor, folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(results, shutil.rmtree, folder, ignore_errors=True)
    return results


def _with_report(results: Results) -> Results:
    """The results with their report built."""
    from bench import report

    data = report.read(results.study, results.root)
    page = report.build(results.study, results.root, data)
    return Results(results.study, results.root, page, summary=results.summary, loaded=data)


def _request(
    study: str | Study,
    name: str,
    datasets: Sequence[str],
    stand_ins: bool | None,
    phantoms: bool,
    settings: Mapping[str, Any] | None,
) -> StudyRequest:
    if isinstance(study, str):
        if name:
            raise BenchError(f"name={name!r} is for a Study object; the study {study!r} already has a name")
        return StudyRequest(study, datasets, stand_ins, phantoms, settings=settings or {})
    check_form(study, name or "given")
    _check_name(study, name)
    return StudyRequest(name, datasets, stand_ins, phantoms, study, settings or {})


def _check_name(study: Study, name: str) -> None:
    if not name:
        raise BenchError("a Study object needs a name for its results; add name='...'")
    if not NAME.fullmatch(name) or name in FOLDERS:
        raise BenchError(f"name={name!r} cannot name a folder of results; use letters, digits, '_', '-' and '.'")
    if name in registry.names("studies") and registry.study(name) != study:
        raise BenchError(f"there is another study named {name!r}; choose another name")


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) and given else tuple(given)


def _root(results: str | Path | None) -> Path:
    return paths.results_root() if results is None else paths.expand(results)


def _monitor(progress: bool | RunMonitor) -> RunMonitor:
    if progress is False:
        return SilentMonitor()
    if progress is not True:
        return progress
    from bench.experiments.progress_bars import ConsoleMonitor

    return ConsoleMonitor()
