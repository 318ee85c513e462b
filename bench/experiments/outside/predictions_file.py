"""Reads predictions of scans that other programs made, from a table: classes or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import BenchError, Task
from bench.experiments.outside.division import Place
from bench.storage.atomic_io import sha256_of

if TYPE_CHECKING:
    import pandas as pd

PROBABILITY, SUM_TOLERANCE = "probability_", 1e-3
LARGEST = 1e100  # of a predicted number: the squares of larger ones are no numbers any more


@dataclass(frozen=True)
class OutsidePredictions:
    """What one method predicted.

    Attributes
    ----------
    name : str
        Name of the method.
    checksum : str
        SHA-256 of the file or files.
    places : mapping
        Partition and fold -> id of a scan -> its predictions in order of the file: probabilities of the classes, a
        number, or the path of a label map. The place is None where the predictions are of no fold.
    targets : mapping of str to list of str
        Id of a scan -> the target that the file gives, if it has that column.
    """

    name: str
    checksum: str
    places: Mapping[Place | None, Mapping[str, list[Any]]]
    targets: Mapping[str, list[str]] = field(default_factory=dict)


def read_predictions(path: Path, task: Task, name: str) -> list[OutsidePredictions]:
    """Read a table of predictions.

    Parameters
    ----------
    path : Path
        A CSV file, or a TSV file by its ending. Columns: id; probability_CLASS or probability_0, ... for every class,
        or prediction for a number; partition and fold where they were made by folds; arm for several methods.
        `target` is compared with the data set; rows whose `role` is not "arm" are left out.
    task : Task
        What is predicted.
    name : str
        Name of the method if the table has no column arm.

    Returns
    -------
    list of OutsidePredictions
        One for each method.

    Raises
    ------
    BenchError
        If the table cannot be read, lacks a column, or has values that are no predictions of this task.
    """
    table = _table(path)
    if "role" in table:
        table = table[table["role"] == "arm"]
    if table.empty:
        raise BenchError(f"{path}: it has no predictions")
    if "seed" in table and table["seed"].nunique() > 1:
        raise BenchError(f"{path}: predictions of {table['seed'].nunique()} seeds; give one seed, or their mean")
    labels = table["arm"] if "arm" in table else [name] * len(table)
    if blank := [at for at, label in enumerate(labels) if not label.strip()]:
        raise BenchError(
            f"{path}: the column arm is empty for {table['id'].iloc[blank[0]]!r}; name the method of each row"
        )
    values = _probabilities(path, table, task) if task.classes else _numbers(path, table)
    places = _places(path, table)
    found: dict[str, tuple[dict, dict]] = {}
    for at, (label, identity) in enumerate(zip(labels, table["id"], strict=True)):
        arm, targets = found.setdefault(label, ({}, {}))
        arm.setdefault(places[at], {}).setdefault(identity, []).append(values[at])
        if "target" in table:
            targets.setdefault(identity, []).append(table["target"].iloc[at])
    checksum = sha256_of(path)
    return [OutsidePredictions(label, checksum, *both) for label, both in found.items()]


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, sep="\t" if path.suffix == ".tsv" else ",")
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: it cannot be read as a table: {error}") from error
    if "id" not in table:
        only = str(table.columns[0]) if len(table.columns) == 1 else ""
        hint = "; separate columns by commas, or name the file .tsv and use tabs" if {*";\t"} & {*only} else ""
        raise BenchError(f"{path}: it has no column `id`; columns are {', '.join(map(str, table.columns))}{hint}")
    return table


def _places(path: Path, table: pd.DataFrame) -> list[Place | None]:
    columns = [name for name in ("partition", "fold") if name in table]
    if columns == ["partition"]:
        raise BenchError(f"{path}: it has a column `partition` and no column `fold`; give both, or none")
    if not columns:
        return [None] * len(table)
    try:
        numbers = [[_whole(value) for value in table[name]] for name in columns]
    except (ValueError, OverflowError) as error:
        raise BenchError(f"{path}: partitions and folds are numbers from 0: {error}") from error
    return list(zip(*(numbers if len(numbers) == 2 else [[0] * len(table), *numbers]), strict=True))


def _whole(text: str) -> int:
    """A number from 0, also where a program has written 2.0."""
    value = float(text)
    if value != int(value):
        raise ValueError(f"{text!r} is no whole number")
    return int(value)


def _numbers(path: Path, table: pd.DataFrame) -> np.ndarray:
    if "prediction" not in table:
        raise BenchError(f"{path}: it has no column `prediction`, the predicted number")
    return _finite(path, table, ["prediction"])[:, 0]


def _probabilities(path: Path, table: pd.DataFrame, task: Task) -> np.ndarray:
    """(N, classes), checked. BenchError if they are of other classes, logits, or do not sum to one."""
    given = [name for name in table if name.startswith(PROBABILITY)]
    named = [[f"{PROBABILITY}{each}" for each in kind] for kind in (task.classes, range(len(task.classes)))]
    columns = next((names for names in named if set(names) == set(given)), None)
    if columns is None:
        words = f"has {', '.join(given)}" if given else "has no probabilities"
        raise BenchError(
            f"{path}: the classes are {', '.join(task.classes)}, and it {words}; give {', '.join(named[0])}"
        )
    values = _finite(path, table, columns)
    if values.min() < 0 or values.max() > 1:
        raise BenchError(
            f"{path}: probabilities from {values.min():g} to {values.max():g} look like logits; apply a softmax first"
        )
    sums = values.sum(1)
    if (wrong := np.abs(sums - 1) > SUM_TOLERANCE).any():
        first = table["id"].to_numpy()[wrong][0]
        raise BenchError(
            f"{path}: the probabilities of {int(wrong.sum())} scans do not sum to one, for example {sums[wrong][0]:g}"
            f" for {first!r}; give one probability for each class"
        )
    return values


def _finite(path: Path, table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    values = np.empty((len(table), len(columns)))
    for at, name in enumerate(columns):
        for row, (text, identity) in enumerate(zip(table[name], table["id"], strict=True)):
            try:
                values[row, at] = float(text)
            except ValueError:
                raise BenchError(f"{path}: {name} of {identity!r} is {text!r}, not a number") from None
            if not abs(values[row, at]) <= LARGEST:
                words = f"a finite number, of at most {LARGEST:g}"
                raise BenchError(f"{path}: {name} of {identity!r} is {text}; every prediction must be {words}")
    return values
