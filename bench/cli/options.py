"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bench.core import BenchError, plain

StudyName = Annotated[str, typer.Option("--study", "-s", help="Name of a study; `bench list studies` has them.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="A parameter, as name=value; may be repeated.")]
StandIns = Annotated[
    bool | None,
    typer.Option("--stand-ins/--no-stand-ins", help="Let phantoms stand in for data sets that are not prepared."),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        "--datasets",
        "-d",
        help="Data sets instead of all of the study's: names with commas between; NAME@site leaves each site out in"
        " turn, NAME@publisher takes the publisher's split, NAME@OTHER tests on another set. May be repeated.",
    ),
]
Phantoms = Annotated[bool, typer.Option("--phantoms", help="Take the phantoms of all data sets, prepared or not.")]
Arms = Annotated[list[str] | None, typer.Option("--arm", help="Only this arm of the study; may be repeated.")]


def settings(given: Sequence[str] | None) -> dict[str, Any]:
    """`name=value` texts as parameters; the registry brings the values to their types."""
    pairs = [text.partition("=") for text in given or ()]
    for name, sign, value in pairs:
        if not name or not sign:
            raise BenchError(f"--set takes name=value, not {name + sign + value!r}")
    return {name: value for name, _, value in pairs}


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))
