"""Options that several commands share."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.completion_names import study_names
from bench.core import BenchError, paths, plain

FOLDS, PARTITIONS = 5, 4  # of a data set without a study
FoldCount = Annotated[int, typer.Option("--folds", min=2, help="Number of folds.")]
PartitionCount = Annotated[int, typer.Option("--partitions", min=1, help="Number of divisions into folds.")]

StudyName = Annotated[
    str,
    typer.Option("--study", "-s", help="Name of a study; `bench list studies` lists them.", autocompletion=study_names),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Set a parameter: name=value. May be repeated.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change what the study fixes: steps=1000, folds=3, ARM.lr=0.01, DATASET.effect=0. The result is another"
        " study, in a folder of its own. May be repeated.",
    ),
]
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
    names = [name for name, _, _ in pairs]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise BenchError(f"--set gives {', '.join(twice)} more than once; give each parameter one value")
    return {name: value for name, _, value in pairs}


def check_no_own_folds(study: str, given: Sequence[str] | None, folds: int, partitions: int) -> None:
    """BenchError if a study, which has its own data and folds, is given with others."""
    if study and (given or (folds, partitions) != (FOLDS, PARTITIONS)):
        raise BenchError(
            f"the folds and parameters are those of the study {study}: leave out --folds, --partitions, --set"
        )


def writable_folder(folder: Path, option: str = "--out") -> Path:
    """Check that a folder to write to is none that a file stands in the place of, before anything takes time.

    Parameters
    ----------
    folder : Path
        An existing folder, or a new one.
    option : str
        The option that names it, for messages.

    Returns
    -------
    Path
        The same folder with `~` replaced.

    Raises
    ------
    BenchError
        If a file has its name or that of a folder above it, or it may not be written.
    """
    folder = paths.expand(folder)
    nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not nearest.is_dir():
        raise BenchError(f"{option} {folder}: {nearest} is a file, not a folder; give a folder")
    if not paths.writable(nearest):
        raise BenchError(f"{option} {folder}: {nearest} cannot be written; give another folder")
    return folder


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    print(printable_json(json.dumps(plain(value), indent=2, ensure_ascii=False)))


def printable_json(text: str) -> str:
    """JSON text whose letters beyond ASCII are escaped, unless stdout is UTF-8."""
    if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        return text
    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)
