"""`bench cost`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import registry
from bench.cli.options import Arms, Json, Settings, print_json, settings
from bench.core import BenchError, Task, paths


def cost(
    methods: Annotated[list[str] | None, typer.Argument(help="Methods; `bench list methods` lists them.")] = None,
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Data set whose scans the networks read, each through its own view.")
    ] = "",
    shape: Annotated[
        str, typer.Option(help="Or the input of the network: channels and sizes, for example 3,110,110.")
    ] = "",
    classes: Annotated[int, typer.Option(help="With --shape: number of classes; 0 for regression.")] = 2,
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
        raise BenchError("give methods and --dataset NAME (or --shape), or --study NAME")
    if study:
        return _study(study, arm or [], rounds, as_json)
    for name in methods:
        registry.member("methods", name)
    if bool(shape) == bool(dataset):
        raise BenchError("give --dataset NAME, or --shape with channels and sizes of the input, for example 3,110,110")
    instances = {name: registry.make("methods", name, settings(set_)) for name in methods}
    rows = _on_dataset(instances, dataset) if dataset else _of_shape(instances, shape, classes)
    return _show_counts(rows, as_json)


def _on_dataset(instances: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A row for each method on the scans of a data set; one that cannot read them says why."""
    from bench.training.cost_on_data import measure_on

    data = registry.make("datasets", name, {})
    rows: list[dict[str, Any]] = []
    for method, instance in instances.items():
        try:
            cost = measure_on(instance, data)
        except BenchError as error:
            if len(instances) == 1:
                raise BenchError(f"{method} cannot read {name}: {error}") from error
            cost = {"shape": None, "parameters": None, "forward_flops": None, "why": str(error)}
        rows.append({"method": method, "dataset": name, **cost})
    return rows


def _of_shape(instances: Mapping[str, Any], shape: str, classes: int) -> list[dict[str, Any]]:
    """A row for each method on scans of one shape, as the network reads them."""
    from bench.training import model_cost as costs

    try:
        sizes = tuple(int(size) for size in shape.replace(",", " ").split())
    except ValueError:
        raise BenchError(f"--shape takes channels and sizes, for example 3,110,110; not {shape!r}") from None
    if any(size < 1 for size in sizes):
        raise BenchError(f"--shape takes channels and sizes of 1 or more, for example 3,110,110; not {shape!r}")
    task = (
        Task("classification", "auc", tuple(str(at) for at in range(classes))) if classes else Task("regression", "mae")
    )
    return [
        {"method": name, "shape": sizes, "classes": classes, **costs.measure(method, task, sizes)}
        for name, method in instances.items()
    ]


def _show_counts(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        return print_json(rows[0] if len(rows) == 1 else rows)
    table = Table("method", "input", "parameters", "forward FLOPs", box=None, pad_edge=False)
    for row in rows:
        if "why" in row:
            table.add_row(row["method"], "none", "", escape(f"not counted: {row['why']}"))
            continue
        flops = row["forward_flops"]
        counted = "not counted" if flops is None else f"{flops:,}"
        table.add_row(row["method"], " x ".join(map(str, row["shape"])), f"{row['parameters']:,}", counted)
    return Console().print(table)


def _study(name: str, arms: list[str], rounds: int, as_json: bool) -> None:
    from bench.analysis.study_speed import measure_study
    from bench.experiments.progress_bars import ConsoleMonitor

    entry = measure_study(name, paths.results_root(), arms, rounds, ConsoleMonitor(Console(stderr=as_json)))
    if as_json:
        return print_json(entry)
    return _show(entry)


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
