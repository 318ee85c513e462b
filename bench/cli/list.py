"""`bench list`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bench import registry
from bench.cli.options import Json, print_json
from bench.core import BenchError, Study

HEADINGS = {
    "datasets": "data sets", "methods": "methods", "curricula": "curricula", "studies": "studies",
}  # fmt: skip
COLUMNS = {
    "datasets": ("task", "data"),
    "methods": ("family",),
    "curricula": (),
    "studies": ("sets", "data"),
}
CUT = " ..."
READY, MISSING, MADE, DAMAGED = "prepared", "not prepared", "made when needed", "damaged"


def list_(
    kind: Annotated[str, typer.Argument(help="datasets, methods, curricula or studies. Default: all.")] = "",
    as_json: Json = False,
) -> None:
    """List the data sets, methods, curricula and studies, in one line each.

    A data set says whether it is prepared here, a study whether all its data are. Data that a program makes are made
    when a study needs them.
    """
    if kind and kind not in registry.KINDS:
        raise BenchError(f"no kind {kind!r}; {registry.did_you_mean(kind, registry.KINDS)}")
    rows = [row for each in ([kind] if kind else registry.KINDS) for name in registry.names(each)
            if (row := _row(each, name))]  # fmt: skip
    _name_unused_files()
    if as_json:
        return print_json(rows)
    console = Console()
    cut = False
    for each in dict.fromkeys(row["kind"] for row in rows):
        if not kind:
            console.print(f"\n{HEADINGS[each]}", style="bold")
        cut |= _print_rows([row for row in rows if row["kind"] == each], COLUMNS[each], console)
    if cut:
        console.print(f"\n{CUT.strip()} stands for the rest: bench describe NAME", markup=False, highlight=False)
    return None


def _print_rows(rows: list[dict[str, Any]], columns: tuple[str, ...], console: Console) -> bool:
    """A line for each row; on a terminal cut after the last whole word that fits. True if one was cut."""
    names = ("name", *columns)
    cut, widths = False, [max(len(str(row[name])) for row in rows) for name in names]
    for row in rows:
        cells = [str(row[name]).ljust(width) for name, width in zip(names, widths, strict=True)]
        line = "  ".join([*cells, row["summary"]])
        shown = shortened(line, console.width) if console.is_terminal else line
        cut |= shown != line
        console.print(Text(shown), soft_wrap=True, highlight=False)
    return cut


def shortened(line: str, width: int) -> str:
    """A line that fits into a width: cut after a whole word, with ` ...` to say so."""
    if len(line) <= width:
        return line
    return line[: max(0, width - len(CUT) + 1)].rpartition(" ")[0].rstrip(" ,;:(") + CUT


def _name_unused_files() -> None:
    for path in registry.unused_plugin_files():
        attributes = ", ".join([*registry.KINDS.values(), *registry.EXTENSIONS])
        print(
            f"bench: warning: {path} defines none of {attributes}, so nothing uses it; correct the name of its "
            "variable, or let the name of the file begin with _",
            file=sys.stderr,
        )


def _row(kind: str, name: str) -> dict[str, Any] | None:
    """The row of a member; None, with a warning, if its file does not define a valid one."""
    try:
        about = registry.describe(kind, name)
        member = registry.study(name) if kind == "studies" else registry.member(kind, name)
    except BenchError as error:
        print(f"bench: warning: {error}; it is left out", file=sys.stderr)
        return None
    row = {"kind": kind, "name": name, "summary": _summary(member, about)}
    if kind == "datasets":
        row |= {"phantom": member.phantom, "task": registry.make(kind, name).task.kind, "data": _state(name, {})}
    if kind == "studies":
        row |= {"sets": _sets(member), "data": _states(member)}
    return {**row, "family": about["family"]} if "family" in about else row


def _summary(member: Any, about: Mapping[str, Any]) -> str:
    """One line on a member: the question of a study, the title of a data set, else the first line of its docstring."""
    text = member.question if isinstance(member, Study) else about.get("title") or about["about"].partition("\n")[0]
    return " ".join(text.split())


def summaries() -> dict[str, str]:
    """Name -> its line, of every member that can be loaded; of two with one name, the later kind's."""
    found = {}
    for kind in registry.KINDS:
        for name in registry.names(kind):
            with contextlib.suppress(BenchError):
                member = registry.study(name) if kind == "studies" else registry.member(kind, name)
                found[name] = _summary(member, registry.describe(kind, name))
    return found


def _sets(study: Study) -> str:
    """The data sets of a study in a few words."""
    names = list(dict.fromkeys(data.name for data in study.datasets))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _states(study: Study) -> str:
    """Whether the data of a study are prepared here."""
    parts = [part for data in study.datasets for part in (data, data.external) if part is not None]
    states = {_state(part.name, part.params) for part in parts}
    return next(state for state in (DAMAGED, MISSING, MADE, READY) if state in states)


def _state(name: str, params: Mapping[str, Any]) -> str:
    """Whether a data set is prepared here."""
    from bench.data.prepared import fingerprint

    try:
        if fingerprint(name, params) is not None:
            return READY
        return MADE if registry.member("datasets", name).phantom else MISSING
    except BenchError:
        return DAMAGED


COMMAND = list_
PANEL = "Catalogue"
