"""Covariates of the scans of a prepared set as a table of numbers, for methods that read no image.

A method reads those covariates only that the data set declares as `floor_covariates`; a column that nobody declared can
therefore not leak the target. A declared covariate that orders or separates the targets is found all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bench.core import Task

if TYPE_CHECKING:
    from bench.data.prepared import Prepared

FEWEST = 5  # people who share a category that a report names
SITE = "site"  # declared like a covariate, it names the site of each sample
ENOUGH = 10  # scans with a value; with fewer, chance can order or separate the targets
ORDERED = 0.98  # rank correlation with the target from which a covariate is the target under another name
WITHIN = 0.1  # share of the variance of the target within categories; with less, they are groups of the target


@dataclass(frozen=True)
class CovariateColumn:
    """A covariate and how it becomes numbers: one for a number, one for two categories, else one a category."""

    name: str
    categories: tuple[str, ...] = ()  # empty for numbers

    @property
    def width(self) -> int:
        """Number of columns in the table."""
        return len(self.categories) if len(self.categories) > 2 else 1

    def encode(self, values: Sequence[object]) -> np.ndarray:
        """Values to (N, width) float32; NaN where the value is missing, not a number, or a category unknown here."""
        if not self.categories:
            return np.array([[value if _is_number(value) else np.nan] for value in values], dtype=np.float32)
        table = np.full((len(values), self.width), np.nan, dtype=np.float32)
        for row, value in enumerate(values):
            if str(value) in self.categories and value is not None:
                place = self.categories.index(str(value))
                table[row] = np.arange(self.width) == place if self.width > 1 else place
        return table


def covariate_columns(prepared: Prepared) -> tuple[CovariateColumn, ...]:
    """The declared covariates of a set that have at least two different values, in the declared order."""
    columns = []
    for name in prepared.floor_covariates:
        known = [value for value in _values(prepared, name) if value is not None]
        if len(set(map(str, known))) > 1:
            numeric = all(_is_number(value) for value in known)
            columns.append(CovariateColumn(name, () if numeric else tuple(sorted({str(value) for value in known}))))
    return tuple(columns)


def covariate_table(prepared: Prepared, columns: Sequence[CovariateColumn]) -> np.ndarray:
    """The columns of every scan of a set, (N, C) float32, NaN where missing. Nothing is learnt from the values."""
    return np.concatenate([column.encode(_values(prepared, column.name)) for column in columns], axis=1)


def why_no_covariates(prepared: Prepared) -> str | None:
    """Why a method cannot predict from the covariates of a set, as a clause for a sentence; None if it can."""
    declared, columns = prepared.floor_covariates, covariate_columns(prepared)
    if not declared:
        return f"the data set {prepared.name} declares no covariates for it (`floor_covariates`)"
    if not columns:
        return f"no declared covariate of {prepared.name} ({', '.join(declared)}) has two different values"
    for column in columns:
        if gives_away(_values(prepared, column.name), prepared.targets, prepared.task):
            return (
                f"the covariate {column.name} of {prepared.name} is the target under another name: it tells the target"
                " of nearly every scan; remove it from `floor_covariates`"
            )
    return None


def covariate_values(prepared: Prepared) -> dict[str, Sequence[object]]:
    """Name -> (N,) values, None where missing, of the declared covariates and of the site; those with one value not."""
    names = dict.fromkeys([*prepared.floor_covariates, *([SITE] if any(prepared.sites) else [])])
    columns = {name: _values(prepared, name) for name in names}
    return {name: values for name, values in columns.items() if len(set(map(str, values)) - {"None"}) > 1}


def stored_covariates(prepared: Prepared, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The declared covariates of some scans, and their sites, as arrays for a record; empty without any.

    `covariate_names` (C,) and `covariates` (N, C), each value as JSON. A covariate with one value in the set is left
    out.
    """
    columns = covariate_values(prepared)
    if not columns:
        return {}
    texts = [[json.dumps(values[row]) for values in columns.values()] for row in rows.tolist()]
    return {"covariate_names": np.array(list(columns)), "covariates": np.array(texts).reshape(len(rows), -1)}


def shared_categories(values: Sequence[object], groups: Sequence[str]) -> list[str]:
    """The categories of a covariate that at least FEWEST people share, sorted: a text that few share may be a name.

    values, groups: (N,), of the scans. Empty for numbers.
    """
    people: dict[str, set[str]] = {}
    for value, group in zip(values, groups, strict=True):
        if isinstance(value, str):
            people.setdefault(value, set()).add(group)
    return sorted(value for value, members in people.items() if len(members) >= FEWEST)


def public_categories(prepared: Prepared) -> set[str]:
    """The categories of the declared covariates and of the sites of a set that a report may name."""
    names = {*prepared.floor_covariates, SITE}
    return {text for name in names for text in shared_categories(_values(prepared, name), prepared.groups)}


def gives_away(values: Sequence[object], targets: np.ndarray, task: Task) -> bool:
    """Whether a covariate is the target under another name.

    Numbers: it has the target's order, or its categories have hardly any spread of the target. Classes: no two classes
    share a range of its numbers, or no two classes share a category. False with fewer than ten known values.

    Parameters
    ----------
    values : sequence of object
        The covariate of N scans, None where missing.
    targets : ndarray of shape (N,)
        Class indices or numbers.
    task : Task
        Classification or regression.

    Returns
    -------
    bool
    """
    known = np.array([value is not None for value in values]) & np.isfinite(targets)
    given, y = [value for value, kept in zip(values, known, strict=True) if kept], np.asarray(targets)[known]
    if len(y) < ENOUGH or len(set(y)) < 2:
        return False
    groups = [y[np.array([value == one for value in given])] for one in dict.fromkeys(given)]
    repeated = 1 < len(groups) < len(y) / 2
    numbers = np.array(given, dtype=float) if all(_is_number(value) for value in given) else None
    if task.kind == "regression":
        spread = sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / float(
            ((y - y.mean()) ** 2).sum()
        )
        return (repeated and spread < WITHIN) or (numbers is not None and _ordered(numbers, y))
    apart = repeated and all(len(set(group)) == 1 for group in groups)
    return apart or (numbers is not None and _separated(numbers, y))


def _ordered(numbers: np.ndarray, y: np.ndarray) -> bool:
    from scipy.stats import rankdata

    ranks = rankdata(numbers), rankdata(y)
    return bool(np.ptp(numbers) > 0 and abs(np.corrcoef(*ranks)[0, 1]) >= ORDERED)


def _separated(numbers: np.ndarray, y: np.ndarray) -> bool:
    """Whether the ranges of the numbers of the classes do not overlap."""
    ranges = sorted((numbers[y == k].min(), numbers[y == k].max()) for k in set(y))
    return all(before[1] < after[0] for before, after in pairwise(ranges))


def _values(prepared: Prepared, name: str) -> Sequence[object]:
    """A covariate of every scan; of `site` the sites. None where missing."""
    if name == SITE and any(prepared.sites):
        return [site or None for site in prepared.sites]
    return prepared.covariates.get(name, [None] * len(prepared.ids))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))
