"""The command line on large studies, in fresh processes, and the first look at prepared scans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from performance import own
from performance.measure import Result, Settings, seconds

if TYPE_CHECKING:
    import numpy as np

STUDY = """'''How long does a large study take to plan?'''
from bench.core import Arm, Data, Study

STUDY = Study(
    question="How long does a large study take to plan?",
    datasets=[Data("phantom_ad")],
    reference="arm0",
    arms={f"arm{n}": Arm("timm2d" if n < 8 else "similarity_graph", {"lr": 0.001 * (n + 1)}) for n in range(10)},
    folds=5, partitions=%d, seeds=%d,
)
"""
BENCH = "import sys; from bench.cli import main; sys.argv[0] = 'bench'; main()"
SIZES = {"train": 120, "val": 40, "test": 40, "train_groups": 120, "val_groups": 40, "test_groups": 40}
NOTHING = "import bench.cli"
OUTSTANDING = """
import time
from bench.experiments.prepare_study import StudyRequest, plan_study
from bench.experiments import launch
found = plan_study(StudyRequest("finished"))
since = time.perf_counter()
work = launch.outstanding(found.cells, found.store)
print(time.perf_counter() - since)
assert not work.trials
"""
WARM = """
import time
import numpy, bench.data.prepare
since = time.perf_counter()
prepared = bench.data.prepare.open_prepared("phantom_ad", {"subjects": 2})
prepared.images()[0].sum()
print(time.perf_counter() - since)
"""


def run(settings: Settings) -> Iterator[Result]:
    """A plan of 10,000 trials, a finished study of 1,000, and a prepared set opened."""
    rounds = settings.pairs(5)
    with own.folders() as folder:
        yield from _plans(folder, rounds)
        yield from _finished(folder, rounds)
        yield from _warm(rounds)


def _plans(folder: Path, rounds: int) -> Iterator[Result]:
    (folder / "plugins" / "large.py").write_text(STUDY % (20, 10))
    spent = [
        (seconds(lambda: own.python(BENCH, "plan", "--study", "large")), seconds(lambda: own.python(NOTHING)))
        for _ in range(rounds)
    ]
    name = "bench plan, 10 000 trials"
    yield Result(name, [whole for whole, _ in spent], 3.0, unit="s", compared="the whole command in a fresh process")
    ratios = [whole / empty for whole, empty in spent]
    yield Result(f"{name} over an import", ratios, compared="the same over a process that only imports bench.cli")


def _finished(folder: Path, rounds: int) -> Iterator[Result]:
    (folder / "plugins" / "finished.py").write_text(STUDY % (4, 5))
    trials = finish("finished")
    inside = [float(own.python(OUTSTANDING)) for _ in range(rounds)]
    name = f"a finished study, {trials} trials"
    expected = "launch.outstanding in a fresh process, its plan made before"
    yield Result(f"{name}, outstanding", inside, 5.0, unit="s", compared=expected)
    whole = [seconds(lambda: own.python(BENCH, "status", "--study", "finished")) for _ in range(rounds)]
    yield Result(f"{name}, bench status", whole, 5.0, unit="s", compared=f"{expected}; bench status as a whole command")


def finish(name: str, predictions: bool = False) -> int:
    """Give every trial of a study a record, and the study its plan; the number of trials.

    predictions: with those of 40 scans, and scores that differ, as a report needs them.
    """
    import numpy as np

    from bench import registry
    from bench.core import Record, paths
    from bench.experiments import plan
    from bench.experiments.prepare_study import StudyRequest, plan_study
    from bench.storage.record_store import Store

    registry.clear_cache()
    found, store = plan_study(StudyRequest(name)), Store(paths.results_root())
    trials = {cell.trial.key: cell.trial for cell in found.cells}
    curve = [{"step": 50 * point, "train_loss": 0.5, "val_loss": 0.6, "val": 0.7} for point in range(1, 21)]
    needed = {other.key for cell in found.cells for other in cell.before}
    store.open()
    rng = np.random.default_rng(0)
    for key, trial in trials.items():
        score = 0.75 + 0.05 * rng.standard_normal() if predictions else 0.75
        scores = {part: {"auc": score, "accuracy": 0.7} for part in ("selected", "last", "validation", "audit")}
        record = Record(
            trial, "done", scores, curve, sizes=SIZES, cost={"train_seconds": 1.0}, provenance={"seconds": 2.0}
        )
        arrays = _arrays(rng, trial.fold) if predictions else None
        with patch("bench.storage.record_store.flush"):  # of the disk's speed nothing is asked
            store.put(record, arrays, _weights(Path(store.root)) if key in needed else None)
    plan.write(name, found.study, found.data, found.cells)
    return len(trials)


def _arrays(rng: np.random.Generator, fold: int) -> dict[str, np.ndarray]:
    """Predictions of 40 people of a fold in two classes."""
    import numpy as np

    ids = np.array([f"s{40 * fold + person:03d}" for person in range(40)])
    chance = rng.random(40)
    probabilities = np.stack([1 - chance, chance], axis=1)
    return {"ids": ids, "groups": ids, "y": np.arange(40) % 2.0, "selected": probabilities, "last": probabilities}


def _weights(folder: Path) -> Path:
    """A small file of weights, for a teacher."""
    import numpy as np
    from safetensors.numpy import save_file

    path = folder / "weights"
    save_file({"weight": np.zeros(4, np.float32)}, path)
    return path


def _warm(rounds: int) -> Iterator[Result]:
    from bench.data.prepare import prepare

    prepare("phantom_ad", {"subjects": 2})
    spent = [float(own.python(WARM)) for _ in range(rounds)]
    description = "open_prepared and the first row of images() in a fresh process, imports excluded"
    yield Result("a prepared set opened", spent, 0.5, unit="s", compared=description)
