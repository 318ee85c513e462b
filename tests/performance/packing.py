"""Small trials that share a GPU, where there is one: how many at once train the most, and how busy one alone keeps it.

The trials are those of a study, carried out by the launcher: what is counted is trials that have ended, and so all that
a trial does. The share of time in which a GPU was busy is NVML's, read twenty times a second: the time in which any
kernel ran, however small.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from performance import busy, own
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
        with busy.observed() as shares:
            ends = own.launched_together(own.trials("sharing"), count, (rounds + 1) * count + 1)
        since, until = ends[count - 1], ends[-count]  # every process is at work
        rate = (len(ends) - 2 * count + 1) / (until - since)
        share = busy.mean_share(shares, since, until)
        alone, idle = (rate, min(share.values(), default=1.0) < IDLE) if count == 1 else (alone, idle)
        ratios[count] = rate / alone
        details = {"trials a second": rate, **share}
        yield Result(f"trials that share a GPU, {count} at once", [ratios[count]], compared=COMPARED, details=details)
    best = max(ratios, key=ratios.get)
    description = (
        f"the most of these, {best} at once; a limit where one trial alone keeps the GPU under {IDLE:.0%} busy"
    )
    yield Result("sharing a GPU, best", [ratios[best]], GAIN if idle else None, "higher", compared=description)
