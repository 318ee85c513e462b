"""Runs searches: candidates one after the other in this process, or in parallel with Ray Tune."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.core import BenchError
from bench.experiments import launch
from bench.experiments.launch import signals
from bench.experiments.launch.auto_launcher import INSTEAD
from bench.experiments.launch.ray_folder import RayStartError
from bench.experiments.launch.signals import StopRequest
from bench.experiments.search.objective import train_candidate
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.ray_resources import RayTarget
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_result import SearchResult, read_session
from bench.experiments.search.search_session import SearchSession

LAUNCHERS = ("auto", "ray", "serial")  # that a search can run with
PAUSE = 0.2  # seconds to wait while other processes train the remaining candidates

OnProgress = Callable[[SearchSession], None]  # called when a search begins and after every candidate


def run_searches(
    searches: Sequence[Search], storage: OptunaStorage, trials: int, folder: Path, launcher: str,
    on_progress: OnProgress = lambda session: None, target: RayTarget | None = None,
) -> list[SearchResult]:  # fmt: skip
    """Run every search to its end and return the results; resumes searches that the storage holds already.

    trials: candidates of each search. folder: of locks and checkpoints. launcher: serial, ray or auto, which is
    Ray Tune if there are several processors or $RAY_ADDRESS is set. target: where Ray Tune trains; None: this machine.

    The first SIGINT finishes the running candidates and starts no more; then, or at the second SIGINT, the previous
    signal handler is called. The same call resumes the searches.
    """
    target = target or RayTarget()
    launcher = search_launcher(launcher, target.address)
    target = replace(target, address=target.address or os.environ.get("RAY_ADDRESS", ""))
    may_fall_back = launcher == "auto" and target.is_local
    if launcher == "auto":
        launcher = launch.choose_launcher(trials, target.address)
    results = []
    with signals.graceful_stop() as stop:
        for search in searches:
            if stop.requested:
                break
            with SearchSession(search, storage, trials, folder) as session:
                on_progress(session)
                if not session.finished():
                    launcher = _run(session, launcher, target, may_fall_back, on_progress, stop)
                results.append(read_session(session))
    return results


def search_launcher(launcher: str, address: str = "") -> str:
    """The launcher of a search: serial, ray or auto. BenchError for any other, and for a wrong address."""
    chosen = launch.resolve_launcher(launcher, address)
    if chosen not in LAUNCHERS:
        known = ", ".join(LAUNCHERS)
        raise BenchError(f"--launcher {launcher} runs trials, not searches; a search runs with one of {known}")
    return chosen


def _run(
    session: SearchSession, launcher: str, target: RayTarget, may_fall_back: bool, on_progress: OnProgress,
    stop: StopRequest,
) -> str:  # fmt: skip
    """Run a search; returns the launcher of the next one: serial if Ray could not start and may be replaced."""
    if launcher != "serial":
        from bench.experiments.search.ray_tune import run_in_parallel

        try:
            run_in_parallel(session, on_progress, stop, target)
            return launcher
        except RayStartError as error:
            if not may_fall_back:
                raise
            target.notify(f"{error.reason}; {INSTEAD}")
    _run_serial(session, on_progress, stop)
    return "serial"


def _run_serial(session: SearchSession, on_progress: OnProgress, stop: StopRequest) -> None:
    while not (stop.requested or session.finished()):
        job = session.ask()
        if job is None:
            time.sleep(PAUSE)
            continue
        report = partial(_report, session, job.number)
        objectives = session.search.tuning.objectives
        session.tell(job.number, train_candidate(job.trial, job.checkpoints, objectives, report))
        on_progress(session)


def _report(session: SearchSession, number: int, point: int, score: float, seconds: float, step: int) -> bool:
    return session.report(number, point, score)
