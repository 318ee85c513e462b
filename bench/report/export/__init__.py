"""Export of a study's curves and scores to another tool, from records only.

One module for each tool, whose library is an optional extra of the package. Both write files on this machine only.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from bench import registry
from bench.core import BenchError
from bench.report.export.run_data import collect_runs
from bench.report.tables import Results

SINKS = ("tensorboard", "mlflow")  # also the names of the required packages


def export(results: Results, to: str, out: Path) -> int:
    """Write the finished runs of a study for the tool `to` under the folder `out`; returns how many there were.

    BenchError if there is no such tool, or its library is not installed.
    """
    if to not in SINKS:
        raise BenchError(f"no sink {to!r}; {registry.did_you_mean(to, SINKS)}")
    write = writer_module(to).write
    runs = collect_runs(results)
    if not runs:
        raise BenchError(f"no run of {results.name} is finished yet: there is nothing to export")
    write(results, runs, Path(out))
    return len(runs)


def writer_module(to: str) -> ModuleType:
    """The module that writes the files of a tool. BenchError if its library is not installed."""
    try:
        return importlib.import_module(f"bench.report.export.{to}_files")
    except ImportError as error:
        raise BenchError(f"{to} is not installed ({error}); run: pip install 'dclse-bench[{to}]'") from error
