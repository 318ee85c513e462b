"""Tables and a whole report of 10,000 records with predictions, in fresh processes."""

from __future__ import annotations

from collections.abc import Iterator

from performance import own
from performance.measure import Result, Settings
from performance.planning import STUDY, finish

RECORDS = (20, 10)  # partitions and seeds: with ten arms over five folds 10,000 records
MEASURED = """
import resource, sys, time
from bench import report; from bench.core import paths
since = time.perf_counter()
data = report.read("reported", paths.results_root())
tables = time.perf_counter() - since
report.build("reported", paths.results_root(), data)
print(tables, time.perf_counter() - since, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def run(settings: Settings) -> Iterator[Result]:
    """Seconds of the tables and of the whole report, and the memory at the peak."""
    with own.folders() as folder:
        (folder / "plugins" / "reported.py").write_text(STUDY % RECORDS)
        records = finish("reported", predictions=True)
        spent = [[float(word) for word in own.python(MEASURED).split()] for _ in range(settings.pairs(3))]
    name = f"a report of {records} records"
    description = "report.read, and report.build after it, in a fresh process, imports excluded"
    yield Result(f"{name}, its tables", [each[0] for each in spent], 30.0, unit="s", compared=description)
    yield Result(f"{name}, the whole", [each[1] for each in spent], 60.0, unit="s", compared=description)
    yield Result(f"{name}, memory", [each[2] for each in spent], 1024.0, unit="MB", compared="the process at its peak")
