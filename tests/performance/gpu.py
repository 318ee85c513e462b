"""What a GPU gains from steps that are CUDA graphs and from trials that share it, in eight minutes at most.

Each measurement is appended to a folder as soon as it is had, by default results/reference/gpu. `--rehearse` runs all
of it on a machine without a GPU, small, with a recorder in the place of graphs, into a temporary folder.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from performance import gpu_steps, gpu_trials
from performance.gpu_log import GpuLog
from performance.gpu_networks import NETWORKS
from performance.measure import Result, Settings

FOLDER = Path(__file__).resolve().parents[2] / "results" / "reference" / "gpu"
BUDGET = 470.0  # seconds, of the eight minutes that a command has
SLOT = 55.0  # seconds for trials of one kind, at most
LEAST = 20.0  # seconds that must be left for another measurement
REHEARSED_SLOT = 600.0
SHARING = {
    "trials one by one": {"count": 1},
    "trials one by one, no graph": {"count": 1, "graph": "off"},
    "trials, 4 at once": {"count": 4},
    "trials of plain Ray Tune, one a GPU": {"count": 1, "plain": True},
    "trials, 8 at once": {"count": 8},
    "trials, 2 at once": {"count": 2},
}


def run(settings: Settings) -> Iterator[Result]:
    """One measurement after the other, the ones that decide most first, until the time is over."""
    import torch

    if not torch.cuda.is_available() and not settings.rehearse:
        yield Result("graphs and sharing on a GPU", skipped="torch sees no GPU here; --rehearse tries the script")
        return
    log = GpuLog(settings.out or _folder(settings.rehearse), settings.rehearse)
    until = time.monotonic() + (settings.budget or BUDGET)
    for name, measure in measurements(settings.rehearse):
        left = until - time.monotonic()
        result = _tried(name, measure, left) if left > LEAST else Result(name, skipped="no time was left")
        log.add(result)
        yield result


def measurements(rehearse: bool) -> Iterator[tuple[str, Callable[[float], Result]]]:
    """Name and measurement, which gets the seconds that are left."""
    for network in NETWORKS:
        yield f"step of {network}", lambda left, network=network: gpu_steps.measured(network, rehearse)
    for name, how in SHARING.items():
        if not rehearse or how["count"] <= 2:
            yield name, partial(_trials, name, how, rehearse)


def _trials(name: str, how: Mapping, rehearse: bool, left: float) -> Result:
    slot = REHEARSED_SLOT if rehearse else min(SLOT, left - LEAST / 2)
    return gpu_trials.measured(name, seconds=slot, rehearse=rehearse, **how)


def _tried(name: str, measure: Callable[[float], Result], left: float) -> Result:
    """The measurement; a fault of one is a result of its own, and the others follow."""
    try:
        return measure(left)
    except Exception as error:  # whatever fails on a machine that nobody has seen
        return Result(name, skipped=f"{type(error).__name__}: {' '.join(str(error).split())[-600:]}")


def _folder(rehearse: bool) -> Path:
    return Path(tempfile.mkdtemp(prefix="dclse-bench-rehearsal-")) if rehearse else FOLDER
