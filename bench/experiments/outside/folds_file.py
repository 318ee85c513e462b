"""The folds of a data set as a table, so that other programs can train and test on them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from bench.core import PROTOCOL, BenchError, paths, plural
from bench.experiments.outside.division import Division
from bench.storage.anonymise import aliases
from bench.storage.atomic_io import atomic_write

COLUMNS = ("data", "fingerprint", "protocol", "partition", "fold", "part", "id", "group")
PARTS = ("train", "val", "test")


def folds_table(division: Division, aliased: bool = False) -> str:
    """The folds as CSV: a row for every scan in every fold of every partition.

    Parameters
    ----------
    division : Division
        A data set with its folds.
    aliased : bool
        Whether scans and groups have aliases, as in reports, in place of their names in the prepared data.

    Returns
    -------
    str
        Columns data, fingerprint, protocol, partition and fold (from 0), part (train, val or test), id and group.
    """
    prepared = division.prepared
    ids, groups = list(prepared.ids), list(prepared.people or prepared.groups)
    if aliased:
        ids, groups = aliases(prepared.name, ids), aliases(prepared.name, groups)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (partition, number), fold in division.places():
        for part in PARTS:
            start = (division.where, prepared.fingerprint, PROTOCOL, partition, number, part)
            writer.writerows((*start, ids[row], groups[row]) for row in getattr(fold, part))
    return out.getvalue()


def write_folds(division: Division, path: Path, aliased: bool = False) -> str:
    """Write the folds to a file, which only this user may read if it has the names of the prepared data.

    Parameters
    ----------
    division : Division
        A data set with its folds.
    path : Path
        File to write; an existing one is replaced.
    aliased : bool
        As for `folds_table`.

    Returns
    -------
    str
        What was written, in a sentence.

    Raises
    ------
    BenchError
        If the file would have names and lie in the folder of results, which people share; or it is a folder.
    """
    if path.is_dir():
        raise BenchError(f"--out {path} is a folder; give the name of a file")
    results = paths.results_root().resolve()
    if not aliased and path.resolve().is_relative_to(results):
        raise BenchError(
            f"--out {path} lies in the results, which may be shared, and the file has the names of scans and people;"
            " write it elsewhere, or add --aliases"
        )
    text = folds_table(division, aliased)
    with atomic_write(path) as unfinished:
        unfinished.touch(mode=0o666 if aliased else 0o600)
        unfinished.write_text(text, encoding="utf-8")
    sizes = f"{plural(division.split.folds, 'fold')} x {plural(division.partitions, 'partition')}"
    names = "aliases" if aliased else "the names of scans and people: do not publish it"
    return f"{division.where}: {sizes} written to {path}, which has {names}"
