"""TensorBoard: a folder with an event file for each run. View them with `tensorboard --logdir OUT`.

The writer of TensorBoard puts the name of the machine and the number of the process into the name of a file. Here a
file is named after the start of its run and its key.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from bench.report.export.run_data import RunExport
from bench.report.tables import Results
from bench.storage.atomic_io import disk_errors


def write(results: Results, runs: list[RunExport], out: Path) -> None:
    """Write one folder per run, `OUT/STUDY/DATA/RUN`; an earlier export of a run is replaced."""
    with disk_errors(out):
        for run in runs:
            folder = run_folder(out, results.name, run.data, run.name, run.key)
            shutil.rmtree(folder, ignore_errors=True)
            _write(run, folder)


def _write(run: RunExport, folder: Path) -> None:
    """The curve by its steps; scores and costs, one number each, at the last of them."""
    last = max((step for step, _ in run.curve), default=0)
    with EventFile(folder, run.started, run.key) as file:
        for step, values in (*run.curve, (last, run.scores)):
            file.add(step, values, run.started)


class EventFile:
    """The event file of a run. Use it in a `with`, or call `close`."""

    def __init__(self, folder: Path, started: float, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"events.out.tfevents.{int(started):010d}.{key[:6]}").open("wb")
        self._writer = RecordWriter(self._file)
        self._put(Event(wall_time=started, file_version="brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float], when: float) -> None:
        """Add numbers by name at a step. when: seconds since 1970."""
        for name, value in values.items():
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            self._put(Event(wall_time=when, step=step, summary=summary))
        self._writer.flush()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())


def run_folder(out: Path, study: str, data: str, name: str, key: str) -> Path:
    """The folder of a run: `OUT/STUDY/DATA/RUN`."""
    return out / study / _file_name(data) / f"{_file_name(name)}-{key[:6]}"


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.=+-]+", "_", text).strip("_")
