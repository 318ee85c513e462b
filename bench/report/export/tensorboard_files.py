"""TensorBoard: a folder with an event file for each run. View them with `tensorboard --logdir OUT`.

The writer of TensorBoard puts the name of the machine and the number of the process into the name of a file. Here a
file is named after the start of its run and its key.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
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
            folder = out / results.name / _file_name(run.data) / f"{_file_name(run.name)}-{run.key[:6]}"
            shutil.rmtree(folder, ignore_errors=True)
            _write(run, folder)


def _write(run: RunExport, folder: Path) -> None:
    folder.mkdir(parents=True)
    with (folder / f"events.out.tfevents.{int(run.started):010d}.{run.key[:6]}").open("wb") as file:
        writer = RecordWriter(file)
        for event in _events(run):
            writer.write(event.SerializeToString())
        writer.flush()


def _events(run: RunExport) -> Iterator[Event]:
    """The version of the format; the curve by its steps; scores and costs, one number each, at the last of them."""
    yield Event(wall_time=run.started, file_version="brain.Event:2")
    last = max((step for step, _ in run.curve), default=0)
    for step, values in (*run.curve, (last, run.scores)):
        for name, value in values.items():
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            yield Event(wall_time=run.started, step=step, summary=summary)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.=+-]+", "_", text).strip("_")
