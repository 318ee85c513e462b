"""Writes the scalars of the trials of a run for TensorBoard as they come.

A running trial leaves its last evaluation point in its lock file, which is read whenever it moves. When it has ended,
the points that were missed and its scores are taken from its record. Trials with random labels are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.core import Record, Trial, paths
from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.run_monitor import RunMonitor
from bench.experiments.trial_notes import note_of
from bench.report import export
from bench.report.export.run_data import CURVES
from bench.storage.atomic_io import disk_errors

TRAINED = ("train_loss", "val_loss", "val")  # of an evaluation point; the test part is shown at the end alone


class TensorBoardMonitor:
    """Shows a run as another monitor does, and writes event files: `OUT/STUDY/DATA/RUN`."""

    def __init__(self, monitor: RunMonitor, out: str | Path, study: str) -> None:
        """BenchError if TensorBoard is not installed."""
        self.monitor, self.out, self.study = monitor, paths.expand(out), study
        self.files = export.writer_module("tensorboard")

    def message(self, text: str) -> None:
        self.monitor.message(text)

    def preparation(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return self.monitor.preparation(title)

    @contextmanager
    def trials(self, work: PendingTrials, arms: Mapping[str, str]) -> Iterator[ProgressCallback]:
        self.message(f"TensorBoard: tensorboard --logdir {self.out}")
        with self.monitor.trials(work, arms) as progress:
            feed = _Feed(progress, self, work, arms)
            try:
                yield feed
            finally:
                feed.close()


class _Feed:
    """The events of a launcher, passed on and written."""

    def __init__(
        self, progress: ProgressCallback, monitor: TensorBoardMonitor, work: PendingTrials, arms: Mapping[str, str]
    ) -> None:
        self.progress, self.monitor, self.store, self.arms = progress, monitor, work.store, arms
        self.files: dict[str, Any] = {}  # key -> event file of a running trial
        self.written: dict[str, int] = {}  # key -> the last step in its file

    def began(self, trial: Trial) -> None:
        self.progress.began(trial)

    def moved(self, trial: Trial, fraction: float) -> None:
        note = note_of(self.store, trial.key)
        if note.steps:
            self._add(trial, note.step, _named(note.values, note.metric))
        self.progress.moved(trial, fraction)

    def deferred(self, trial: Trial) -> None:
        self.progress.deferred(trial)

    def lost(self, trial: Trial) -> None:
        self.progress.lost(trial)

    def message(self, words: str) -> None:
        self.progress.message(words)

    def ended(self, trial: Trial, status: str, notes: Sequence[str] = ()) -> None:
        record = self.store.get(trial.key) if status == "done" else None
        if record is not None:
            self._finish(trial, record)
        self._close(trial.key)
        self.progress.ended(trial, status, notes)

    def close(self) -> None:
        """Close the files of trials that have not ended."""
        for key in list(self.files):
            self._close(key)

    def _finish(self, trial: Trial, record: Record) -> None:
        """The points that were missed, and the scores of the selected point on the test part."""
        metric = _primary(trial)
        for point in record.curve:
            self._add(trial, int(point["step"]), _named(point, metric))
        last = max((int(point["step"]) for point in record.curve), default=0)
        scores = {f"test/{name}": value for name, value in record.metrics["selected"].items()}
        self.written[trial.key] = last - 1
        self._add(trial, last, scores)

    def _add(self, trial: Trial, step: int, values: Mapping[str, Any]) -> None:
        if trial.labels.kind == "permuted" or step <= self.written.get(trial.key, -1):
            return
        self.written[trial.key] = step
        numbers = {name: float(each) for name, each in values.items() if isinstance(each, (int, float))}
        with disk_errors(self.monitor.out):
            self._file(trial).add(step, numbers, time.time())

    def _file(self, trial: Trial) -> Any:
        if trial.key not in self.files:
            arm = self.arms.get(trial.key, trial.method.name)
            name = f"{arm}, partition {trial.partition}, fold {trial.fold}, seed {trial.seed}"
            folder = self.monitor.files.run_folder(
                self.monitor.out, self.monitor.study, trial.data.name, name, trial.key
            )
            self.files[trial.key] = self.monitor.files.EventFile(folder, time.time(), trial.key)
        return self.files[trial.key]

    def _close(self, key: str) -> None:
        if key in self.files:
            self.files.pop(key).close()


def _named(values: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Numbers of an evaluation point under the names that `bench export` gives them."""
    names = {name: f"{CURVES[name]}/{metric}" if name == "val" else CURVES[name] for name in TRAINED}
    return {title: values[name] for name, title in names.items() if values.get(name) is not None}


def _primary(trial: Trial) -> str:
    """The primary metric of the data that a trial learns from."""
    from bench import registry

    return registry.make("datasets", trial.data.name, trial.data.params).task.primary
