"""Short trials side by side through Ray: what the harness adds, and how it scales."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from performance import own
from performance.measure import Result, Settings

TRIAL = 0.2  # seconds that a trial takes, run in this process
SLEEPER = '''"""A network whose one step takes as long as it is asked to."""
import time
from dataclasses import dataclass
from bench.core import param
from bench.method import Method
from bench.views import View, Volume

@dataclass(frozen=True, kw_only=True)
class Sleeper(Method):
    """A linear layer on coarse voxels, slowly."""

    family = "3d"
    view: View = param(Volume(8.0), "coarse voxels")
    pause: float = param(0.0, "seconds of a step")

    def build(self, task, shape):
        import math
        from torch import nn
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), task.outputs))

    def step(self, model, batch):
        time.sleep(self.pause)
        return super().step(model, batch)

METHOD = Sleeper
'''
STUDY = """'''What does handing out trials cost?'''
from bench.core import Arm, Data, Recipe, Study

STUDY = Study(
    question="What does handing out trials cost?", datasets=[Data("phantom_ad", {"subjects": 20})], reference="sleeper",
    arms={"sleeper": Arm("sleeper")}, floors=[], folds=5, partitions=%d, recipe=Recipe(1, 2, 1),
)
"""


def run(settings: Settings) -> Iterator[Result]:
    """Trials of a fifth of a second side by side, through Ray and without it."""
    with own.folders() as folder:
        yield from _abreast(folder, 200 if settings.rounds is None else 20 * settings.rounds)


def _abreast(folder: Path, count: int) -> Iterator[Result]:
    (folder / "plugins" / "sleeper.py").write_text(SLEEPER)
    (folder / "plugins" / "sleeping.py").write_text(STUDY % (count // 5))
    _launched("serial", 0.0, 3)
    bare = _each(_launched("serial", 0.0, 12))
    pause = max(0.0, TRIAL - bare)
    alone = _each(_launched("serial", pause, 12))
    since = time.perf_counter()
    ends = _launched("ray", pause, count)
    processors = min(os.cpu_count() or 1, count)
    warm = 2 * processors  # trials until every process has had one
    ideal = alone * (count - warm) / processors
    description = (
        f"{count} trials of {alone:.2f} s on {processors} processors, once each process has had two, over the ideal"
    )
    yield Result("trials side by side, warm", [(ends[-1] - ends[warm - 1]) / ideal], 1.3, compared=description)
    ray_description = "the same with the start of Ray and the imports of its processes"
    yield Result(
        "trials side by side, whole", [(ends[-1] - since) / (alone * count / processors)], compared=ray_description
    )


def _launched(launcher: str, pause: float, count: int) -> list[float]:
    """When so many trials ended, each with a pause of that many seconds."""
    trials = own.trials("sleeping")[:count]
    trials = [replace(one, method=replace(one.method, params={**one.method.params, "pause": pause})) for one in trials]
    return own.launched(trials, launcher)


def _each(ends: list[float]) -> float:
    return (ends[-1] - ends[1]) / (len(ends) - 2)
