"""Commands that only look: list, describe, plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import registry
from bench.cli.options import Datasets, Json, Phantoms, StandIns, StudyName, print_json
from bench.core import BenchError, Study, plain

if TYPE_CHECKING:
    from bench.experiments.plan.estimate import TrialCost


def attach(app: typer.Typer) -> None:
    """Give the commands of this file to the application."""
    for command in (list_, describe, plan):
        app.command(command.__name__.rstrip("_"))(command)


def list_(
    kind: Annotated[str, typer.Argument(help="datasets, methods, curricula or studies; all where omitted")] = "",
    as_json: Json = False,
) -> None:
    """What there is: data sets, methods, curricula, studies."""
    if kind and kind not in registry.KINDS:
        raise BenchError(f"no kind {kind!r}; {registry.did_you_mean(kind, registry.KINDS)}")
    rows = [_row(each, name) for each in ([kind] if kind else registry.KINDS) for name in registry.names(each)]
    if as_json:
        return print_json(rows)
    table = Table("kind", "name", "what it is", box=None, pad_edge=False)
    for row in rows:
        what = f"[dim]{row['family']}[/]  " if "family" in row else ""
        table.add_row(registry.SINGULAR[row["kind"]], row["name"], what + escape(row["summary"]))
    return Console().print(table)


def _row(kind: str, name: str) -> dict[str, Any]:
    about = registry.describe(kind, name)
    found = registry.study(name) if kind == "studies" else registry.member(kind, name)
    summary = found.question if isinstance(found, Study) else about.get("title") or about["about"].partition("\n")[0]
    row = {"kind": kind, "name": name, "summary": summary}
    if kind == "datasets":
        row |= {"phantom": found.phantom, "task": found.task.kind}
    return {**row, "family": about["family"]} if "family" in about else row


def describe(
    name: Annotated[str, typer.Argument(help="Name of a data set, method, curriculum or study.")], as_json: Json = False
) -> None:
    """All that is known of one member: what it is, its parameters, its source."""
    kinds = [kind for kind in registry.KINDS if name in registry.names(kind)]
    if not kinds:
        everything = [other for kind in registry.KINDS for other in registry.names(kind)]
        raise BenchError(f"nothing is called {name!r}; {registry.did_you_mean(name, everything)}")
    entries = [_described(kind, name) for kind in kinds]
    if as_json:
        return print_json(entries[0] if len(entries) == 1 else entries)
    console = Console()
    for entry in entries:
        _print_entry(console, entry)
    return None


def _described(kind: str, name: str) -> dict[str, Any]:
    entry = registry.describe(kind, name)
    if kind == "studies":
        study = registry.study(name)
        arms = {label: plain(arm) for label, arm in study.rows()}
        more = {key: plain(getattr(study, key)) for key in ("question", "datasets", "reference", "floors", "folds")}
        more |= {key: plain(getattr(study, key)) for key in ("partitions", "seeds", "recipe", "random_labels", "again")}
        entry |= {**more, "arms": arms}
    return entry


def _print_entry(console: Console, entry: dict[str, Any]) -> None:
    console.print(f"[bold]{entry['name']}[/] ({registry.SINGULAR[entry['kind']]}, version {entry['version']})")
    paragraphs = (" ".join(part.split()) for part in entry["about"].split("\n\n"))
    console.print("\n\n".join(paragraphs), markup=False, highlight=False)
    skipped = ("name", "kind", "version", "about", "parameters", "question", "arms")
    for key, value in ((key, value) for key, value in entry.items() if key not in skipped and value not in (None, {})):
        console.print(f"[bold]{key}[/]: {escape(_in_words(value))}", highlight=False)
    if entry.get("arms"):
        table = Table("arm", "method", "parameters", "curriculum", box=None, pad_edge=False)
        for label, arm in entry["arms"].items():
            table.add_row(escape(label), arm["method"], escape(_in_words(arm["params"])), arm["curriculum"])
        console.print(table)
    if entry.get("parameters"):
        table = Table("parameter", "default", "meaning", box=None, pad_edge=False)
        for row in entry["parameters"]:
            choices = f" ({', '.join(_in_words(choice) for choice in row['choices'])})" if row.get("choices") else ""
            table.add_row(row["name"], escape(_in_words(row["default"])), escape(row["meaning"] + choices))
        console.print(table)


def _in_words(value: Any) -> str:
    """A value as a line of text: `volume, mm=4.0` for a view, `none` for nothing."""
    if isinstance(value, dict):
        parts = [f"{key}={_in_words(item)}" for key, item in value.items() if key != "kind"]
        return ", ".join([value["kind"], *parts] if "kind" in value else parts)
    if isinstance(value, list):
        return "; ".join(_in_words(item) for item in value) or "none"
    return {None: "none", "": "none"}.get(value, str(value))


def plan(
    study: StudyName,
    datasets: Datasets = None,
    stand_ins: StandIns = None,
    phantoms: Phantoms = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a few steps of what no earlier record tells of.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What a study would run, how much is done, and what the rest will take. Runs nothing, unless to measure."""
    from bench.experiments import api
    from bench.experiments.progress_bars import ConsoleMonitor
    from bench.experiments.search.search_estimate import forecast

    found = api.plan(
        study,
        datasets=datasets or (),
        phantoms=phantoms,
        stand_ins=stand_ins,
        measure=measure,
        progress=ConsoleMonitor(Console(stderr=True)),
    )
    search = forecast(found.name, found.study, found.found, found.store.root)
    if as_json:
        return print_json({**found.summary(), **({"search": search.summary()} if search else {})})
    console = Console()
    console.print(found.study.question, markup=False)
    for line in [*found.lines(), *([search.line()] if search else [])]:
        console.print(line, markup=False)
    return console.print(_planned_table(found.rows(), found.takes()))


def _planned_table(rows: Iterable[tuple[str, str, int, int]], takes: Mapping[tuple[str, str], TrialCost]) -> Table:
    """A row for every arm; what one of its open trials takes, where records tell."""
    table = Table("data", "arm", "trials", "done", "s/trial", "MB", box=None, pad_edge=False)
    for data, arm, trials, done in rows:
        need = takes.get((data, arm.removesuffix(" (random labels)")))
        cost = ("", "") if need is None else (f"{need.seconds:.1f}", f"{need.memory_mb or 0:.0f}")
        table.add_row(escape(data), escape(arm), str(trials), str(done), *cost)
    return table
