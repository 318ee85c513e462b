"""What is a benchmark's own: folders for data, results and plug-ins, trials carried out there, fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.core import Trial

NAMES = {"BENCH_DATA": "data", "BENCH_RESULTS": "results", "BENCH_PLUGINS": "plugins"}


@contextmanager
def folders() -> Iterator[Path]:
    """A folder with data, results and plugins, which the harness takes for its own as long as this lasts."""
    from bench import registry

    before = {name: os.environ.get(name) for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in NAMES.items():
            (Path(folder) / part).mkdir()
            os.environ[name] = str(Path(folder) / part)
        registry.clear_cache()
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            registry.clear_cache()


def trials(study: str) -> list[Trial]:
    """The trials of a study, its phantoms made."""
    from bench import registry
    from bench.experiments.prepare_study import StudyRequest, plan_study
    from bench.experiments.run_monitor import SilentMonitor
    from bench.experiments.study_data import make_phantoms

    registry.clear_cache()
    found = make_phantoms(plan_study(StudyRequest(study)), SilentMonitor())
    return [cell.trial for cell in found.cells]


class Ends:
    """A watch that remembers when each trial ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def ended(self, trial, status, notes) -> None:
        """Remember it; the trial must have gone well."""
        assert status == "done", (trial, notes)
        self.times.append(time.perf_counter())

    def __getattr__(self, name: str):
        return lambda *_: None


def launched_together(trials: Sequence[Trial], count: int, many: int, ends: Ends | None = None) -> list[float]:
    """When each of `many` trials ended, `count` at once on a GPU: their stated memory peak allows that number.

    trials: of one kind; they are repeated with other seeds. On a machine without a GPU as many as it has processors.
    """
    from dataclasses import replace

    from bench.experiments.launch.jobs import memory_kind
    from bench.experiments.launch.node_agent import gpu_megabytes
    from bench.experiments.launch.resources import CONTEXT, MARGIN

    some = [replace(trials[number % len(trials)], seed=number) for number in range(many)]
    peak = (gpu_megabytes() / (count + 0.5) - CONTEXT) / MARGIN
    peaks = {("cuda", memory_kind(each)): peak for each in some} if gpu_megabytes() else {}
    return launched(some, "ray", peaks, ends)


def launched(
    trials: Sequence[Trial], launcher: str, peaks: Mapping | None = None, ends: Ends | None = None
) -> list[float]:
    """When each of the trials ended, carried out in new results. peaks: of memory, by device and kind of trial."""
    from bench.experiments import launch
    from bench.storage.record_store import Store

    ends = ends or Ends()
    with tempfile.TemporaryDirectory() as results:
        work = launch.PendingTrials([list(trials)], frozenset(), peaks=peaks or {})
        launch.launch(work, Store(Path(results)), launcher, ends)
    return ends.times


def python(program: str, *words: str) -> str:
    """What a program says that a fresh process runs."""
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a fresh process failed: {done.stderr[-2000:]}")
    return done.stdout
