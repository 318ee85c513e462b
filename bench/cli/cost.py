"""`bench cost`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import registry
from bench.cli.options import Arms, Json, Settings, print_json, settings
from bench.core import BenchError, Task, plural

if TYPE_CHECKING:
    from bench.core import Trial


def cost(
    methods: Annotated[list[str] | None, typer.Argument(help="Methods; `bench list methods` lists them.")] = None,
    shape: Annotated[str, typer.Option(help="Input of the network: channels and sizes, for example 3,110,110.")] = "",
    classes: Annotated[int, typer.Option(help="Number of classes; 0 for regression.")] = 2,
    set_: Settings = None,
    study: Annotated[str, typer.Option("--study", "-s", help="Measure the speed of a study's arms.")] = "",
    arm: Arms = None,
    rounds: Annotated[int, typer.Option("--rounds", min=2, help="With --study: measurements of each arm.")] = 5,
    as_json: Json = False,
) -> None:
    """Count parameters and forward FLOPs (2 x multiply-accumulates) of networks, or measure the speed of a study.

    With --study: seconds per training step and per scan at inference on this machine. The arms take turns, round
    after round, so that other programs slow all of them alike. The report shows the times.
    """
    if bool(methods) == bool(study):
        raise BenchError("give methods and --shape, or --study NAME")
    if study:
        return _study(study, arm or [], rounds, as_json)
    for name in methods:
        registry.member("methods", name)
    if not shape:
        raise BenchError("--shape is missing: the channels and sizes of the input, for example 3,110,110")
    return _methods(methods, shape, classes, settings(set_), as_json)


def _methods(names: list[str], shape: str, classes: int, params: Mapping[str, Any], as_json: bool) -> None:
    from bench.training import model_cost as costs

    try:
        sizes = tuple(int(size) for size in shape.replace(",", " ").split())
    except ValueError:
        raise BenchError(f"--shape takes channels and sizes, for example 3,110,110; not {shape!r}") from None
    task = (
        Task("classification", "auc", tuple(str(at) for at in range(classes))) if classes else Task("regression", "mae")
    )
    made = {name: registry.make("methods", name, params) for name in names}  # a wrong name before anything is built
    rows = [
        {"method": name, "shape": sizes, "classes": classes, **costs.measure(method, task, sizes)}
        for name, method in made.items()
    ]
    if as_json:
        return print_json(rows[0] if len(rows) == 1 else rows)
    table = Table("method", "parameters", "forward FLOPs", box=None, pad_edge=False)
    for row in rows:
        flops = row["forward_flops"]
        table.add_row(row["method"], f"{row['parameters']:,}", "not counted" if flops is None else f"{flops:,}")
    return Console().print(table)


def _study(name: str, arms: list[str], rounds: int, as_json: bool) -> None:
    from bench.analysis.speed import compare_speed
    from bench.core import paths
    from bench.experiments import plan
    from bench.experiments.progress_bars import PreparationProgressBar
    from bench.report.tables.speed_table import FILE
    from bench.storage.atomic_io import write_text
    from bench.storage.record_store import Store

    root, found = paths.results_root(), {}
    console = Console(stderr=as_json)
    chosen = _first_of_each(plan.read(name), Store(root), arms)
    for data, trials in chosen.items():
        with PreparationProgressBar(console, f"{name} on {data}: {plural(len(trials), 'arm')} in turns") as progress:
            found[data] = [asdict(one) for one in compare_speed(trials, rounds, progress)]
    entry = {"study": name, "rounds": rounds, **_machine(chosen), "data": found}
    write_text(root / name / FILE, json.dumps(entry, indent=1) + "\n")
    if as_json:
        return print_json(entry)
    return _show(entry)


def _first_of_each(entry: Mapping[str, Any], store: Any, arms: list[str]) -> dict[str, dict[str, Trial]]:
    """Data -> arm -> its first trial that was done. BenchError where there is no such arm, or no trial was done."""
    cells = [cell for cell in entry["cells"] if cell["role"] == "arm"]
    there = list(dict.fromkeys(cell["arm"] for cell in cells))
    if wrong := [arm for arm in arms if arm not in there]:
        raise BenchError(f"the study {entry['study']} has no arm {wrong[0]!r}; its arms: {', '.join(there)}")
    found: dict[str, dict[str, Trial]] = {}
    for cell in cells:
        of_data = found.setdefault(cell["data"], {})
        if cell["arm"] not in of_data and (not arms or cell["arm"] in arms):
            record = store.get(cell["key"])
            if record is not None and record.status == "done":
                of_data[cell["arm"]] = record.trial
    found = {data: trials for data, trials in found.items() if trials}
    if not found:
        raise BenchError(f"no run of {entry['study']} is done; run: bench run --study {entry['study']}")
    return found


def _machine(chosen: Mapping[str, Mapping[str, Trial]]) -> dict[str, Any]:
    import torch

    graphics = torch.cuda.is_available()
    return {
        "processor": torch.cuda.get_device_name() if graphics else torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "threads": max(trial.recipe.threads for trials in chosen.values() for trial in trials.values()),
    }


def _show(entry: Mapping[str, Any]) -> None:
    from bench.report.tables.speed_table import between

    table = Table("data", "arm", "s / step", "s / scan", "", box=None, pad_edge=False)
    for data, rows in entry["data"].items():
        for row in rows:
            times = (escape(between(row[name])) for name in ("step", "scan"))
            table.add_row(escape(data), escape(row["arm"]), *times, escape(row["why"]))
    console = Console()
    console.print(table)
    console.print(
        f"median of {entry['rounds']} rounds [shortest, longest], on {entry['processor']}",
        markup=False,
        highlight=False,
    )


COMMAND = cost
PANEL = "Results"
