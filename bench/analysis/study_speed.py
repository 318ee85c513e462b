"""Measures the speed of the arms of a study that was run, for `bench cost --study` and the report."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.analysis.speed import compare_speed
from bench.core import BenchError, Trial, plural
from bench.core.study_plan import StudyPlan
from bench.experiments import plan
from bench.experiments.run_monitor import RunMonitor
from bench.report.tables.speed_table import FILE
from bench.storage.atomic_io import write_text
from bench.storage.record_store import Store


def measure_study(study: str, root: Path, arms: Sequence[str], rounds: int, monitor: RunMonitor) -> dict[str, Any]:
    """Seconds per step and per scan of every arm of a study, which are written into its folder and returned.

    arms: labels; none: all. rounds: measurements of each arm. BenchError if an arm is unknown or no trial is done.
    """
    trials_of = _first_of_each(plan.read(study, root), Store(root), arms)
    data = {}
    for name, trials in trials_of.items():
        with monitor.preparation(f"{study} on {name}: {plural(len(trials), 'arm')} in turns") as progress:
            data[name] = [asdict(one) for one in compare_speed(trials, rounds, progress)]
    entry = {"study": study, "rounds": rounds, **_machine(trials_of), "data": data}
    write_text(root / study / FILE, json.dumps(entry, indent=1) + "\n")
    return entry


def _first_of_each(planned: StudyPlan, store: Store, arms: Sequence[str]) -> dict[str, dict[str, Trial]]:
    """Data -> arm -> its first finished trial."""
    cells = [cell for cell in planned.cells if cell.role == "arm"]
    known = list(dict.fromkeys(cell.arm for cell in cells))
    if wrong := [arm for arm in arms if arm not in known]:
        raise BenchError(f"the study {planned.study} has no arm {wrong[0]!r}; its arms: {', '.join(known)}")
    trials: dict[str, dict[str, Trial]] = {}
    for cell in cells:
        of_data = trials.setdefault(cell.data, {})
        if cell.arm not in of_data and (not arms or cell.arm in arms):
            record = store.get(cell.key)
            if record is not None and record.status == "done":
                of_data[cell.arm] = record.trial
    trials = {data: of_data for data, of_data in trials.items() if of_data}
    if not trials:
        raise BenchError(f"no trial of {planned.study} is done; run: bench run --study {shlex.quote(planned.study)}")
    return trials


def _machine(trials_of: Mapping[str, Mapping[str, Trial]]) -> dict[str, Any]:
    import torch

    gpu = torch.cuda.is_available()
    return {
        "processor": torch.cuda.get_device_name() if gpu else torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "threads": max(trial.recipe.threads for trials in trials_of.values() for trial in trials.values()),
    }
