"""`bench folds`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import (
    FOLDS,
    PARTITIONS,
    FoldCount,
    PartitionCount,
    Settings,
    check_no_own_folds,
    settings,
    writable_folder,
)
from bench.core import paths

LABEL = typer.Argument(help="A prepared data set; NAME@site leaves out each site, NAME@publisher is its own split.")
STUDY = typer.Option("--study", "-s", help="A study that was run here: the folds of its data, as its tables name them.")
OUT = typer.Option("--out", "-o", help="CSV file to write.")
SCANS = typer.Option("--scans", help="Folder to write the prepared scans and label maps to, as NIfTI files.")
ALIASES = typer.Option("--aliases", help="Write aliases, as reports have, in place of the names of scans and people.")


def folds(
    data: Annotated[str, LABEL],
    out: Annotated[Path, OUT],
    study: Annotated[str, STUDY] = "",
    number: FoldCount = FOLDS,
    partitions: PartitionCount = PARTITIONS,
    aliases: Annotated[bool, ALIASES] = False,
    scans: Annotated[Path | None, SCANS] = None,
    set_: Settings = None,
) -> None:
    """Write the folds of a data set to a table, to train another program on them; `bench score` reads its predictions.

    Train on the part `train`, select on `val`, and predict `test`, again for every fold of every partition.
    """
    from bench.experiments.outside.division import divide, divide_as_planned
    from bench.experiments.outside.folds_file import write_folds
    from bench.experiments.outside.scan_files import write_scans
    from bench.experiments.plan import plan_file

    check_no_own_folds(study, set_, number, partitions)
    if study:
        division = divide_as_planned(plan_file.read(study), data)
    else:
        division = divide(data, settings(set_), number, partitions)
    print(write_folds(division, paths.expand(out), aliases))
    if scans is not None:
        print(write_scans(division.prepared, writable_folder(scans)))


COMMAND = folds
PANEL = "Data sets"
