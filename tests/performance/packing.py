"""Small trials that share a GPU, where there is one: how many at once train the most, and how busy one alone keeps it.

The trials are those of a study, carried out by the launcher: what is counted is trials that have ended, and so all that
a trial does. The share of time in which a GPU was busy is NVML's, read twenty times a second: the time in which any
kernel ran, however small.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from performance import own
from performance.measure import Result, Settings

STEPS, ROUNDS = 120, 3  # of a trial; trials that each process ends
IDLE = 0.35  # busy less than this share of the time when alone, trials that share a GPU gain
GAIN = 2.5  # and at least so much
STUDY = """'''How many trials share a GPU best?'''
from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="How many trials share a GPU best?", datasets=[Data("phantom_ad", {"subjects": 60})], reference="DCL-SE",
    arms={"DCL-SE": Arm("dclse")}, floors=[], folds=2, partitions=1, recipe=Recipe(%d, 8, 3),
)
"""
COMPARED = "trials of DCL-SE that end in a second, so many at once on one GPU, over one after the other"


def run(settings: Settings) -> Iterator[Result]:
    """One trial at a time, then twice as many each time, up to one a processor."""
    import torch

    if not torch.cuda.is_available():
        yield Result("trials that share a GPU", skipped="torch sees no GPU here")
        return
    counts = [2**power for power in range((os.cpu_count() or 1).bit_length()) if 2**power <= (os.cpu_count() or 1)]
    with own.folders() as folder:
        (folder / "plugins" / "sharing.py").write_text(STUDY % STEPS)
        yield from _shared(counts, settings.pairs(ROUNDS))


def _shared(counts: Sequence[int], rounds: int) -> Iterator[Result]:
    ratios, alone, idle = {}, 0.0, False
    for count in counts:
        with _busy() as observed:
            ends = _launched(count, (rounds + 1) * count + 1)
        since, until = ends[count - 1], ends[-count]  # every process is at work
        rate = (len(ends) - 2 * count + 1) / (until - since)
        busy = statistics.fmean(share for when, share in observed if since <= when <= until)
        alone, idle = (rate, busy < IDLE) if count == 1 else (alone, idle)
        ratios[count] = rate / alone
        details = {"trials a second": rate, "GPU busy (share)": busy}
        yield Result(f"trials that share a GPU, {count} at once", [ratios[count]], compared=COMPARED, details=details)
    best = max(ratios, key=ratios.get)
    description = (
        f"the most of these, {best} at once; a limit where one trial alone keeps the GPU under {IDLE:.0%} busy"
    )
    yield Result("sharing a GPU, best", [ratios[best]], GAIN if idle else None, "higher", compared=description)


def _launched(count: int, trials: int) -> list[float]:
    """Seconds at which the trials ended, with this many at once: their stated memory peak allows that number."""
    from bench.experiments.launch.jobs import memory_kind
    from bench.experiments.launch.node_agent import gpu_megabytes
    from bench.experiments.launch.resources import CONTEXT, MARGIN

    planned = own.trials("sharing")
    some = [replace(planned[number % len(planned)], seed=number) for number in range(trials)]
    peak = (gpu_megabytes() / (count + 0.5) - CONTEXT) / MARGIN
    return own.launched(some, "ray", {("cuda", memory_kind(some[0])): peak})


@contextmanager
def _busy() -> Iterator[list[tuple[float, float]]]:
    """When, and for which share of the time just before, the first GPU was busy; grows while this lasts."""
    import pynvml

    pynvml.nvmlInit()
    handle, observed, done = pynvml.nvmlDeviceGetHandleByIndex(0), [], threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            observed.append((time.perf_counter(), pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100))

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield observed
    finally:
        done.set()
        watching.join()
        pynvml.nvmlShutdown()
