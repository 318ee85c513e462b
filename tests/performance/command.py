"""The command: which benchmarks to run, and where to write what came of it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from performance import result_output
from performance.measure import Result, Settings

Benchmark = Callable[[Settings], Iterator[Result]]
GROUPS = (
    "images",
    "planning",
    "reporting",
    "launching",
    "decoding",
    "preparing",
    "training",
    "networks",
    "gpu",
    "packing",
    "scale",
    "peers",
)
ASKED = ("gpu", "scale", "peers")  # they take minutes: measured where they are named


def benchmarks() -> dict[str, Benchmark]:
    """Name -> benchmark, the quick ones first. A group is a module with a function `run`."""
    return {name: importlib.import_module(f"performance.{name}").run for name in GROUPS}


def main(words: Sequence[str], known: Mapping[str, Benchmark] | None = None) -> int:
    """Run what the command line asks for; 1 where a limit is broken."""
    known = known or benchmarks()
    parser = _parser(known)
    options = parser.parse_args(words)
    if wrong := set(options.groups) - set(known):
        parser.error(f"no benchmark {min(wrong)!r}; there are: {', '.join(known)}")
    console, results = Console(), []
    for name in options.groups or [name for name in known if name not in ASKED]:
        for result in known[name](Settings(options.rounds, options.rehearse, options.budget, options.out)):
            results.append(result)
            console.print(" ".join(result_output.row(result)), highlight=False, markup=False, soft_wrap=True)
    if options.out:
        result_output.write(results, options.out)
    console.print("", result_output.table(results), "", result_output.machine())
    return int(any(result.verdict == "over" for result in results))


def _parser(known: Mapping[str, Benchmark]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="performance", description="How fast the harness is, against plain code.")
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(known)}; where omitted all but {', '.join(ASKED)}")
    parser.add_argument("--rounds", type=int, help="pairs of each benchmark, for a quick look")
    parser.add_argument("--out", type=Path, help="folder for README.md and performance.json")
    parser.add_argument("--rehearse", action="store_true", help="gpu: small, on a processor, to try the script")
    parser.add_argument("--budget", type=float, help="gpu: seconds after which no further measurement begins")
    return parser
