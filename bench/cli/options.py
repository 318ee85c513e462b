"""Options that several commands share."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bench.core import BenchError, plain

StudyName = Annotated[str, typer.Option("--study", "-s", help="Name of a study; `bench list studies` lists them.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Set a parameter: name=value. May be repeated.")]
StandIns = Annotated[
    bool | None,
    typer.Option("--stand-ins/--no-stand-ins", help="Run on phantoms in place of data sets that are not prepared."),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--datasets",
        "-d",
        help="Data sets to use instead of the study's own, separated by commas. NAME@site leaves out each site in turn,"
        " NAME@publisher uses the publisher's split, NAME@OTHER tests on another data set. May be repeated.",
    ),
]
Phantoms = Annotated[bool, typer.Option("--phantoms", help="Run on the phantoms of all data sets, prepared or not.")]
Arms = Annotated[list[str] | None, typer.Option("--arm", help="Only this arm of the study. May be repeated.")]


def settings(given: Sequence[str] | None) -> dict[str, Any]:
    """Parse `name=value` texts into parameters; the registry converts the values to their types."""
    pairs = [text.partition("=") for text in given or ()]
    for name, sign, value in pairs:
        if not name or not sign:
            raise BenchError(f"--set takes name=value, not {name + sign + value!r}")
    return {name: value for name, _, value in pairs}


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(printable_json(json.dumps(plain(value), indent=2, ensure_ascii=False)))


def printable_json(text: str) -> str:
    """JSON text whose letters beyond ASCII are escaped, unless stdout is UTF-8."""
    if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        return text
    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)
