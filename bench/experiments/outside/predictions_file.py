"""Reads predictions of scans that other programs made, from a table: classes or numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import BenchError, Task
from bench.core.outside_arm import outside_label
from bench.data.readers.outside_table import number_in, read_outside_table
from bench.experiments.outside.division import Place
from bench.storage.atomic_io import sha256_of

if TYPE_CHECKING:
    import pandas as pd

PROBABILITY, SUM_TOLERANCE = "probability_", 1e-3
WHOLE = re.compile(r"\d{1,9}(\.0*)?", re.ASCII)
ROUNDING = 1e-6  # by which a probability may lie outside 0 and 1


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
    origin : str
        The file or folder, and the method if the file has several; error messages begin with it.
    rows : mapping
        Partition and fold -> id of a scan -> numbers of its rows in the file; empty for label maps.
    targets : mapping of str to list of str
        Id of a scan -> the target that the file gives, if it has that column.
    """

    name: str
    checksum: str
    places: Mapping[Place | None, Mapping[str, list[Any]]]
    origin: str
    rows: Mapping[Place | None, Mapping[str, list[int]]] = field(default_factory=dict)
    targets: Mapping[str, list[str]] = field(default_factory=dict)

    def example(self, place: Place | None, identity: str) -> str:
        """An id of a scan for a message, with its rows or files.

        Parameters
        ----------
        place : (int, int) or None
            Partition and fold.
        identity : str
            The id.

        Returns
        -------
        str
            For example `'a' (row 7)`.
        """
        known = self.rows.get(place, {}).get(identity, [])
        words = [str(each) for each in known or self.places[place][identity]]
        start = f"row{'s' * (len(words) > 1)} " if known else ""
        return f"{identity!r} ({start}{' and '.join(words[:2])})"


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
    table = read_outside_table(path)
    if "id" not in table:
        raise BenchError(f"{path}: it has no column `id`; columns are {', '.join(table)[:300]}")
    if "role" in table:
        table = table[table["role"] == "arm"]
    if table.empty:
        raise BenchError(f"{path}: it has no predictions")
    if "seed" in table and table["seed"].nunique() > 1:
        raise BenchError(f"{path}: predictions of {table['seed'].nunique()} seeds; give one seed, or their mean")
    labels = _labels(path, table, name)
    values = _probabilities(path, table, task) if task.classes else _numbers(path, table)
    places = _places(path, table)
    found: dict[str, tuple[dict, dict, dict]] = {}
    for at, (row, label, identity) in enumerate(zip(table.index, labels, table["id"], strict=True)):
        arm, rows, targets = found.setdefault(label, ({}, {}, {}))
        arm.setdefault(places[at], {}).setdefault(identity, []).append(values[at])
        rows.setdefault(places[at], {}).setdefault(identity, []).append(int(row))
        if "target" in table:
            targets.setdefault(identity, []).append(table["target"].iloc[at])
    checksum, several = sha256_of(path), len(found) > 1
    origins = {label: f"{path}, arm {label}" if several else str(path) for label in found}
    return [OutsidePredictions(label, checksum, arm, origins[label], rows, targets)
            for label, (arm, rows, targets) in found.items()]  # fmt: skip


def _labels(path: Path, table: pd.DataFrame, name: str) -> list[str]:
    """The method of every row. BenchError if one is empty, or two methods would have one label in the report."""
    if "arm" not in table:
        return [name] * len(table)
    shown: dict[str, str] = {}
    for row, label in zip(table.index, table["arm"], strict=True):
        if not label:
            raise BenchError(f"{path}, row {row}: the column arm is empty; name the method of each row")
        if shown.setdefault(outside_label(label), label) != label:
            both = f"{shown[outside_label(label)]!r} and {label!r}"
            raise BenchError(
                f"{path}, row {row}: the arms {both} have one name in reports; give one of them another name"
            )
    return table["arm"].tolist()


def _places(path: Path, table: pd.DataFrame) -> list[Place | None]:
    columns = [name for name in ("partition", "fold") if name in table]
    if columns == ["partition"]:
        raise BenchError(f"{path}: it has a column `partition` and no column `fold`; give both, or none")
    if not columns:
        return [None] * len(table)
    numbers = [_whole_numbers(path, table, name) for name in columns]
    return list(zip(*(numbers if len(numbers) == 2 else [[0] * len(table), *numbers]), strict=True))


def _whole_numbers(path: Path, table: pd.DataFrame, name: str) -> list[int]:
    """Numbers from 0, also where a program has written 2.0."""
    found = []
    for row, text in zip(table.index, table[name], strict=True):
        if not WHOLE.fullmatch(text):
            raise BenchError(
                f"{path}, row {row}: {name} is {text[:40]!r}, no whole number from 0, as `bench folds` writes"
            )
        found.append(int(float(text)))
    return found


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
    sums = values.sum(1)
    outside = ((values < -ROUNDING) | (values > 1 + ROUNDING)).any(1)
    if outside.any():
        at, low, high = int(outside.argmax()), values.min(), values.max()
        percent = low >= 0 and np.allclose(sums, 100, atol=100 * SUM_TOLERANCE)
        remedy = "percentages; divide them by 100" if percent else "logits; apply a softmax first"
        raise BenchError(
            f"{path}, row {table.index[at]}: probabilities lie between 0 and 1; {int(outside.sum())} of {len(table)}"
            f" rows do not, with values from {low:g} to {high:g}: if they are all like that, they look like {remedy}"
        )
    if (wrong := np.abs(sums - 1) > SUM_TOLERANCE).any():
        at = int(wrong.argmax())
        raise BenchError(
            f"{path}, row {table.index[at]}: the probabilities of {int(wrong.sum())} scans do not sum to one, for"
            f" example {sums[at]:g} for {table['id'].iloc[at]!r}; give one probability for each class"
        )
    return values.clip(0, 1)


def _finite(path: Path, table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    values = np.empty((len(table), len(columns)))
    for at, name in enumerate(columns):
        cells = zip(table.index, table[name], table["id"], strict=True)
        values[:, at] = [number_in(path, row, name, text, repr(identity)) for row, text, identity in cells]
    return values
