"""`bench describe`."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import registry
from bench.cli.augmentation_text import augmentation_names, describe_augmentation_name, print_augmentation
from bench.cli.list import summaries
from bench.cli.options import Json, print_json
from bench.core import Arm, BenchError, Data, plain

EXAMPLES = (
    "ad_oasis",
    "bt_mri",
    "artery_cas",
    "pairs_oasis",
)  # data sets whose scans the cost of a method is counted for


def describe(
    name: Annotated[str, typer.Argument(help="Name of a data set, method, curriculum or study; augment.")],
    as_json: Json = False,
) -> None:
    """Describe a data set, method, curriculum, study or augmentation: what it is, its parameters and its source."""
    kinds = [kind for kind in registry.KINDS if name in registry.names(kind)]
    if not kinds and name in augmentation_names():
        return print_json(describe_augmentation_name(name)) if as_json else print_augmentation(Console(), name)
    if not kinds:
        raise BenchError(f"no data set, method, curriculum or study is named {name!r}; {_suggestion(name)}")
    entries = [_described(kind, name) | _prepared(kind, name) | _cost(kind, name) for kind in kinds]
    if as_json:
        return print_json(entries[0] if len(entries) == 1 else entries)
    console = Console()
    for entry in entries:
        _print_entry(console, entry)
    return None


def _suggestion(name: str) -> str:
    """The names that have the word in them or in their line of `bench list`, or are near; else where all are."""
    everything = [other for kind in registry.KINDS for other in registry.names(kind)] + augmentation_names()
    word = name.lower()
    containing = sorted({each for each in everything if word in each.lower()}, key=lambda each: (len(each), each))
    if near := containing[:3] or difflib.get_close_matches(word, everything, n=3, cutoff=0.7):
        return f"did you mean {' or '.join(map(repr, near))}?"
    found = [other for other, line in summaries().items() if word in line.lower()]
    if found:
        return f"the lines of {', '.join(found[:5])} in `bench list` have the word"
    near = difflib.get_close_matches(word, everything, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else "`bench list` shows all names"


def _cost(kind: str, name: str) -> dict[str, Any]:
    """Parameters and operations of a method for scans of the first of `EXAMPLES` that it can read."""
    if kind != "methods":
        return {}
    from bench.experiments.plan.method_answers import remembered

    return {"cost": remembered(f"cost {EXAMPLES}", Arm(name), lambda: _counted(name))}


def _counted(name: str) -> str:
    from bench.training.cost_on_data import measure_on

    method = registry.make("methods", name, {})
    for each in EXAMPLES:
        data = registry.make("datasets", each, {})
        if method.refuses(data.task, data.shape) is None:
            try:
                return _cost_words(each, measure_on(method, data))
            except BenchError as error:
                return f"not counted: {error}"
    return "not counted: it reads none of " + ", ".join(EXAMPLES)


def _cost_words(name: str, cost: dict[str, Any]) -> str:
    flops = cost["forward_flops"]
    counted = "FLOPs not counted" if flops is None else f"{flops:,} FLOPs of a forward pass"
    shape = " x ".join(map(str, cost["shape"]))
    return f"{cost['parameters']:,} parameters, {counted}, for a scan of {name} (input {shape})"


def _described(kind: str, name: str) -> dict[str, Any]:
    entry = registry.describe(kind, name)
    if kind == "studies":
        study = registry.study(name)
        arms = {label: plain(arm) for label, arm in study.rows()}
        more = {key: plain(getattr(study, key)) for key in ("question", "datasets", "reference", "floors", "folds")}
        more |= {key: plain(getattr(study, key)) for key in ("partitions", "seeds", "recipe", "random_labels", "again")}
        entry |= {**more, "arms": arms}
    return entry


def _prepared(kind: str, name: str) -> dict[str, Any]:
    """What was prepared of a data set with its default parameters, and what was left out; nothing if it is not."""
    from bench.data.prepare import open_prepared
    from bench.data.prepare.accounting import left_out_lines

    prepared = open_prepared(name) if kind == "datasets" else None
    if prepared is None:
        return {}
    counts = f"{len(prepared.ids)} scans of {len(set(prepared.groups))} groups"
    notes = [*prepared.manifest.get("notes", []), *left_out_lines(prepared.manifest, prepared.folder)]
    return {"prepared": [counts, *notes]}


def _print_entry(console: Console, entry: dict[str, Any]) -> None:
    console.print(f"[bold]{entry['name']}[/] ({registry.SINGULAR[entry['kind']]}, version {entry['version']})")
    paragraphs = (" ".join(part.split()) for part in entry["about"].split("\n\n"))
    console.print("\n\n".join(paragraphs), markup=False, highlight=False)
    if entry["kind"] == "studies":
        entry = {**entry, "datasets": [_data_words(data) for data in registry.study(entry["name"]).datasets]}
    if "space" in entry:
        entry = {**entry, "space": _space_words(entry["name"])}
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


def _data_words(data: Data) -> str:
    """A data set of a study: its label and the parameters that are set, `phantom_ad (effect=3.0)`."""
    params = ", ".join(f"{name}={_in_words(plain(value))}" for name, value in data.params.items())
    return data.where + (f" ({params})" if params else "")


def _space_words(name: str) -> str:
    """The search space of a method: `lr 1e-05 to 0.01 (logarithmic), groups 1, 2 or 4`."""
    parts = []
    for parameter, space in registry.member("methods", name).space.items():
        values = plain(space)
        if "low" in values:
            scale = " (logarithmic)" if values.get("log") else ""
            parts.append(f"{parameter} {values['low']:g} to {values['high']:g}{scale}")
        else:
            *most, last = map(_in_words, values["values"])
            parts.append(f"{parameter} {', '.join(most)} or {last}")
    return ", ".join(parts)


def _in_words(value: Any) -> str:
    """A value as a line of text: `volume, mm=4.0` for a view, `none` for nothing."""
    if isinstance(value, dict):
        parts = [f"{key}={_in_words(item)}" for key, item in value.items() if key != "kind"]
        return ", ".join([value["kind"], *parts] if "kind" in value else parts)
    if isinstance(value, list):
        return "; ".join(_in_words(item) for item in value) or "none"
    return {None: "none", "": "none"}.get(value, str(value))


COMMAND = describe
PANEL = "Catalogue"
