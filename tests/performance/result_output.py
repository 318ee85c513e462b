"""Results as a table, as Markdown and as JSON, with the machine that they were measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from performance.measure import Result

COLUMNS = ("benchmark", "median", "interquartile range", "limit", "verdict")
PACKAGES = ("torch", "numpy", "nibabel", "isal", "timm")


def machine() -> str:
    """The processor, its cores, how busy they were, and the versions: no names, no folders."""
    busy = f"load {max(os.getloadavg()[:2]):.1f} at the end, of which about 1 is the benchmarks' own"
    parts = [f"{_processor()}, {os.cpu_count()} cores ({busy})", f"Python {platform.python_version()}"]
    return "; ".join([*parts, *(f"{name} {version(name)}" for name in PACKAGES)])


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def row(result: Result) -> tuple[str, ...]:
    """A result in the words of COLUMNS."""
    if result.skipped:
        return result.name, "", "", _limit(result), f"skipped: {result.skipped}"
    low, high = result.quartiles
    spread = f"{_number(result, low)} to {_number(result, high)}" if len(result.values) > 1 else "one run"
    return result.name, _number(result, result.median), spread, _limit(result), result.verdict


def table(results: Sequence[Result]) -> Table:
    """For a terminal."""
    found = Table(*COLUMNS, box=None, pad_edge=False)
    for result in results:
        style = {"over": "bold red", "ok": "green"}.get(result.verdict, "dim")
        found.add_row(*row(result)[:-1], f"[{style}]{row(result)[-1]}[/]")
    return found


def markdown(results: Sequence[Result]) -> str:
    """For a folder of results."""
    lines = ["# How fast", "", f"Measured on: {machine()}.", ""]
    lines += ["Ratios are medians of measurements in turns with plain code in one process.", ""]
    lines += [_line(COLUMNS), _line(["---"] * len(COLUMNS)), *(_line(row(result)) for result in results), ""]
    comparisons = dict.fromkeys(
        (result.name.partition(",")[0], result.compared) for result in results if result.compared
    )
    lines += ["What is compared:", "", *(f"- {name}: {text}" for name, text in comparisons), ""]
    for result in results:
        if result.details:
            stages = ", ".join(f"{stage} {spent:.3g}" for stage, spent in result.details.items())
            lines += [f"{result.name}: {stages}.", ""]
    return "\n".join(lines)


def write(results: Sequence[Result], folder: Path) -> None:
    """README.md and performance.json in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(markdown(results))
    entries = [
        {
            "name": result.name,
            "verdict": result.verdict,
            "median": result.median if result.values else None,
            "quartiles": result.quartiles if result.values else None,
            "limit": result.limit,
            "better": result.better,
            "unit": result.unit or "ratio",
            "values": list(result.values),
            "compared": result.compared,
            "skipped": result.skipped,
            "details": dict(result.details),
        }
        for result in results
    ]
    entry = {"machine": machine(), "results": entries}
    (folder / "performance.json").write_text(json.dumps(entry, indent=1) + "\n")


def _limit(result: Result) -> str:
    if result.limit is None:
        return ""
    return f"at {'most' if result.better == 'lower' else 'least'} {_number(result, result.limit)}"


def _number(result: Result, value: float) -> str:
    return f"{100 * value:.2f} %" if result.unit == "%" else f"{value:.2f} {result.unit}".rstrip()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
