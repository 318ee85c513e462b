"""Who trains the candidates: this process, one after the other, or Ray Tune, side by side. Both ask and tell alike."""

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
from bench.experiments.launch.signals import StopRequest
from bench.experiments.search.objective import train
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.ray_resources import RayTarget
from bench.experiments.search.search_definition import Search
from bench.experiments.search.search_result import SearchResult, found
from bench.experiments.search.search_session import SearchSession

LAUNCHERS = ("auto", "ray", "serial")  # that a search can run with
PAUSE = 0.2  # seconds between two looks at candidates that other processes are at

Watch = Callable[[SearchSession], None]  # told whenever a candidate has ended


def carry_out(
    searches: Sequence[Search], storage: OptunaStorage, trials: int, folder: Path, launcher: str,
    watch: Watch = lambda asking: None, place: RayTarget | None = None,
) -> list[SearchResult]:  # fmt: skip
    """Carry out every search, or what is left of it, and return what they found.

    trials: of each search. folder: of claims and checkpoints. launcher: serial, ray or auto, which is Ray Tune
    if there are several processors, or an address in $RAY_ADDRESS. place: where Ray Tune trains; None: on this machine.

    The first SIGINT lets the candidates in flight end and begins no other; then, as a second one at once, it goes to
    whoever had it before. Both resume.
    """
    place = place or RayTarget()
    launcher = search_launcher(launcher, place.address)
    place = replace(place, address=place.address or os.environ.get("RAY_ADDRESS", ""))
    if launcher == "auto":
        launcher = launch.choose_launcher(trials, place.address)
    results = []
    with signals.gently() as stop:
        for search in searches:
            if stop.asked:
                break
            with SearchSession(search, storage, trials, folder) as asking:
                watch(asking)
                if not asking.finished():
                    _executor(launcher, place)(asking, watch, stop)
                results.append(found(asking))
    return results


def search_launcher(launcher: str, address: str = "") -> str:
    """The launcher of a search: serial, ray or auto. BenchError for any other, and for a wrong address."""
    chosen = launch.resolve_launcher(launcher, address)
    if chosen not in LAUNCHERS:
        known = ", ".join(LAUNCHERS)
        raise BenchError(f"--launcher {launcher} runs trials, not searches; a search runs with one of {known}")
    return chosen


def _executor(launcher: str, place: RayTarget) -> Callable[[SearchSession, Watch, StopRequest], None]:
    if launcher == "serial":
        return _serial
    from bench.experiments.search.ray_tune import side_by_side

    return partial(side_by_side, place=place)


def _serial(asking: SearchSession, watch: Watch, stop: StopRequest) -> None:
    while not (stop.asked or asking.finished()):
        asked = asking.ask()
        if asked is None:
            time.sleep(PAUSE)
            continue
        report = partial(_reported, asking, asked.number)
        objectives = asking.search.tuning.objectives
        asking.tell(asked.number, train(asked.trial, asked.workplace, objectives, report))
        watch(asking)


def _reported(asking: SearchSession, number: int, point: int, score: float, seconds: float, step: int) -> bool:
    return asking.report(number, point, score)
