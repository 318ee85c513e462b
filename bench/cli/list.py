"""`bench list`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import registry
from bench.cli.options import Json, print_json
from bench.core import BenchError, Study


def list_(
    kind: Annotated[str, typer.Argument(help="datasets, methods, curricula or studies. Default: all.")] = "",
    as_json: Json = False,
) -> None:
    """List the data sets, methods, curricula and studies."""
    if kind and kind not in registry.KINDS:
        raise BenchError(f"no kind {kind!r}; {registry.did_you_mean(kind, registry.KINDS)}")
    rows = [row for each in ([kind] if kind else registry.KINDS) for name in registry.names(each)
            if (row := _row(each, name))]  # fmt: skip
    _name_unused_files()
    if as_json:
        return print_json(rows)
    table = Table("kind", "name", "description", box=None, pad_edge=False)
    for row in rows:
        what = f"[dim]{row['family']}[/]  " if "family" in row else ""
        table.add_row(registry.SINGULAR[row["kind"]], row["name"], what + escape(row["summary"]))
    return Console().print(table)


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
    summary = member.question if isinstance(member, Study) else about.get("title") or about["about"].partition("\n")[0]
    row = {"kind": kind, "name": name, "summary": summary}
    if kind == "datasets":
        row |= {"phantom": member.phantom, "task": registry.make(kind, name).task.kind}
    return {**row, "family": about["family"]} if "family" in about else row


COMMAND = list_
PANEL = "Catalogue"
