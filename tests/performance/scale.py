"""How the seconds of the harness grow with people, records and nodes: each stage at 1, 2, 4 and 8 times a size.

At 8 times: 40,000 people, 16,000 images or scans of which the alike are sought, 100,000 records, 1,000 nodes
(simulated: no process is started). `--rounds N` measures N per cent of these sizes. Seconds are those of the
processor, so that other work on the machine does not count. The exponent is the slope of the seconds over the size on
logarithmic axes: 1 is linear.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from performance import own
from performance.measure import Result, Settings
from performance.planning import BENCH, STUDY, finish
from performance.scale_folders import FOLDERS, prepared
from performance.scale_pairs import compared

if TYPE_CHECKING:
    import numpy as np

    from bench.core import Trial
    from bench.experiments.launch.worker_pool import WorkerPool

PEOPLE, IMAGES, RECORDS, NODES = 40_000, 16_000, 100_000, 1000
STEPS = (1, 2, 4, 8)
EDGE = 20  # voxels of a scan along each axis
LINEAR = 1.25  # exponent up to which the growth counts as linear: small sizes have fixed costs, large ones leave caches
COLUMNS = 10 * 5  # trials of a partition and a seed: arms and folds of the study
OUTSTANDING = """
import sys, time
from bench.experiments.prepare_study import StudyRequest, plan_study
from bench.experiments import launch
since = time.process_time()
found = plan_study(StudyRequest(sys.argv[1]))
planned = time.process_time() - since
since = time.process_time()
assert not launch.outstanding(found.cells, found.store).trials
print(planned, time.process_time() - since)
"""
REPORT = """
import sys, time
from bench import report
from bench.core import paths
since = time.process_time()
data = report.read(sys.argv[1], paths.results_root())
tables = time.process_time() - since
report.build(sys.argv[1], paths.results_root(), data)
print(tables, time.process_time() - since)
"""


def run(settings: Settings) -> Iterator[Result]:
    """The stages over people, over records and over nodes, and the exponent of each."""
    share = 1.0 if settings.rounds is None else settings.rounds / 100
    stages = (("people", _people), ("people with a file each", _files), ("images or scans", compared),
              ("records", _records), ("nodes", _nodes))  # fmt: skip
    for stage, measured in stages:
        whole = {"images or scans": IMAGES, "records": RECORDS, "nodes": NODES}.get(stage, PEOPLE)
        sizes = [max(1, round(whole * share * step / STEPS[-1])) for step in STEPS]
        yield from _curves(stage, measured(sizes))


def _curves(what: str, rows: Sequence[tuple[int, dict[str, float]]]) -> Iterator[Result]:
    """A result for each stage and size, and the exponents."""
    for name in rows[0][1]:
        for size, spent in rows:
            yield Result(f"{name}, {size:,} {what}", [spent[name]], unit="s")
        slope = _slope([size for size, _ in rows], [spent[name] for _, spent in rows])
        yield Result(
            f"{name}, exponent over {what}", [slope], LINEAR, compared="slope on logarithmic axes; 1 is linear"
        )


def _slope(sizes: Sequence[float], spent: Sequence[float]) -> float:
    import numpy as np

    return float(np.polyfit([math.log(size) for size in sizes], [math.log(max(each, 1e-4)) for each in spent], 1)[0])


def _processor(call: Callable[[], object]) -> float:
    """Seconds of the processor that a call takes, with those of the processes that it waits for."""
    before = os.times()
    call()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def _people(sizes: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """The search for scans that are alike, its part that compares codes, and the folds of a split."""
    from bench.core import Split
    from bench.data.audit.alike_scans import alike_scans
    from bench.data.audit.person_codes import person_codes
    from bench.data.audit.similar_pairs import similar_pairs
    from bench.data.splits import fold

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        scans = _memory_map(Path(folder) / "scans.npy", sizes[-1])
        for size in sizes:
            names = tuple(f"p{at:06d}" for at in range(size))
            codes = person_codes(scans[:size])
            grouped = SimpleNamespace(name="many", groups=names, strata=("a", "b") * (size // 2) + ("a",) * (size % 2),
                                      sites=("",) * size)  # fmt: skip
            stages: dict[str, Callable[[], object]] = {
                "audit of likeness": lambda s=size, n=names: alike_scans(scans[:s], n),
                "pairs looked up": lambda c=codes: similar_pairs(c.plain, c.mirrored, c.threshold),
                "five folds": lambda g=grouped: [fold(g, Split(folds=5), 0, number) for number in range(5)],
            }
            rows.append((size, {name: _processor(stage) for name, stage in stages.items()}))
    return rows


def _files(sizes: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """A BIDS folder is prepared: every file read, checked, cropped, written to one array and searched for doubles."""
    with own.folders() as folder:
        rows = []
        for size, tree in prepared(folder, sizes, EDGE):
            rows.append((size, {"bench prepare": _processor(lambda t=tree: own.python(FOLDERS, str(t)))}))
        return rows


def _memory_map(path: Path, count: int) -> np.ndarray:
    """(count, 1, EDGE, EDGE, EDGE) float32 of smooth heads, each with differences of its own, written in parts."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    scans = np.lib.format.open_memmap(path, "w+", np.float32, (count, 1, EDGE, EDGE, EDGE))
    common = gaussian_filter(rng.normal(size=(EDGE,) * 3), 3)
    for start in range(0, count, 500):
        own_shape = rng.normal(size=(min(500, count - start), EDGE, EDGE, EDGE)).astype(np.float32)
        own_shape = gaussian_filter(own_shape, (0, 1, 1, 1))
        scans[start : start + len(own_shape), 0] = common / common.std() + 0.3 * own_shape / own_shape.std()
    scans.flush()
    return np.load(path, mmap_mode="r")


def _records(sizes: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """Records saved; plan, what is outstanding, status and report of finished studies, each in a fresh process."""
    rows = []
    for size in sizes:
        partitions = max(1, round(math.sqrt(size / COLUMNS)))
        with own.folders() as folder:
            (folder / "plugins" / "finished.py").write_text(STUDY % (partitions, max(1, size // COLUMNS // partitions)))
            since = time.process_time()
            trials = finish("finished", predictions=True)
            spent = {"records saved": time.process_time() - since}
            spent["plan"], spent["outstanding"] = map(float, own.python(OUTSTANDING, "finished").split())
            spent["bench status"] = _processor(lambda: own.python(BENCH, "status", "--study", "finished"))
            spent["tables of the report"], spent["the whole report"] = map(
                float, own.python(REPORT, "finished").split()
            )
        rows.append((trials, spent))
    return rows


def _nodes(sizes: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """A trial ends and the next one is placed, 200 times, on a full cluster of nodes with four processors each."""
    from bench import registry
    from bench.core import DataSpec, Recipe, Trial

    trial = Trial(DataSpec("any"), registry.spec("methods", "constant"), recipe=Recipe(steps=1, batch_size=1, points=1))
    rows = []
    for size in sizes:
        pool = _full_cluster(size, trial)
        rows.append((size, {"200 trials placed": _processor(lambda p=pool: _replace_workers(p, trial))}))
    return rows


def _replace_workers(pool: WorkerPool, trial: Trial) -> None:
    for worker in (pool.workers * 200)[:200]:
        pool.release(worker)
        assert pool.place(trial) is worker
        assert pool.place(trial) is None


def _full_cluster(size: int, trial: Trial) -> WorkerPool:
    """A pool whose workers are all busy; nothing is started."""
    from bench.experiments.launch.nodes import Node
    from bench.experiments.launch.worker_pool import WorkerHandle, WorkerPool

    pool = WorkerPool.__new__(WorkerPool)
    cluster = {str(at): Node(str(at), f"node {at}", {"CPU": 4.0}) for at in range(size)}
    vars(pool).update(peaks={}, local=False, nodes=cluster, workers=[], message=print)

    def begin(node, wanted):
        node.take(wanted.resources)
        pool.workers.append(WorkerHandle(None, node, wanted))
        return pool.workers[-1]

    pool._begin = begin
    request = next(iter(pool._requests(trial, False).values()))
    for node in cluster.values():
        for _ in range(4):
            begin(node, request)
    return pool
