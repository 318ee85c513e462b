"""Test whether the folds of a prepared set are balanced: class, site, sex, age and other columns of its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench.core import Split
from bench.data.splits import fold

if TYPE_CHECKING:
    import numpy as np

    from bench.data.prepare import Prepared

MANY = 10  # a numeric column with more distinct values is a quantity, with fewer a category


@dataclass(frozen=True)
class Balance:
    """Test of one column over the test parts of the folds, with one value per group: that of its first scan."""

    column: str
    test: str  # chi-square, Kruskal-Wallis
    folds: tuple[Any, ...]  # of each fold: counts of the values, or the median
    statistic: float
    p: float
    holm: float  # p, corrected for the number of columns


def balance(prepared: Prepared, split: Split | None = None, partition: int = 0) -> list[Balance]:
    """Test every column with two or more values. A small p means that this partition is unbalanced, by chance or not.

    BenchError if the groups cannot be divided this way.
    """
    split = split or Split()
    number = _fold_of_groups(prepared, split, partition)
    rows = {prepared.groups[row]: row for row in reversed(range(len(prepared.ids)))}
    tests = [_compared(name, {group: column[row] for group, row in rows.items()}, number, split.folds)
            for name, column in _columns(prepared).items()]  # fmt: skip
    return holm([each for each in tests if each is not None])


def holm(tests: Sequence[Balance]) -> list[Balance]:
    """The tests with Holm's correction, in their order."""
    order = sorted(range(len(tests)), key=lambda at: tests[at].p)
    corrected, least = list(tests), 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, tests[at].p * (len(tests) - rank)))
        corrected[at] = replace(tests[at], holm=least)
    return corrected


def _columns(prepared: Prepared) -> dict[str, Sequence[Any]]:
    task, targets = prepared.task, prepared.targets.tolist()
    columns: dict[str, Sequence[Any]] = {}
    if task.kind == "classification":
        columns["class"] = [task.classes[int(target)] for target in targets]
    if task.kind == "regression":
        columns["target"] = targets
    return {**columns, "site": [site or None for site in prepared.sites], **prepared.covariates}


def _fold_of_groups(prepared: Prepared, split: Split, partition: int) -> dict[str, int]:
    """group -> number of the fold whose test part contains it."""
    return {
        prepared.groups[row]: number
        for number in range(split.folds)
        for row in fold(prepared, split, partition, number).test.tolist()
    }


def _compared(name: str, values: Mapping[str, Any], number: Mapping[str, int], folds: int) -> Balance | None:
    """The test of one column; None if it has a single value, or none in some fold."""
    parts: list[list[Any]] = [[] for _ in range(folds)]
    for group, value in values.items():
        if value is not None:
            parts[number[group]].append(value)
    kinds = sorted({value for part in parts for value in part}, key=str)
    if len(kinds) < 2 or not all(parts):
        return None
    if len(kinds) > MANY and all(isinstance(value, (int, float)) for value in kinds):
        return _quantity(name, parts)
    return _counted(name, parts, kinds)


def _quantity(name: str, parts: Sequence[Sequence[float]]) -> Balance:
    import numpy as np
    from scipy.stats import kruskal

    statistic, p = kruskal(*parts)
    return Balance(
        name, "Kruskal-Wallis", tuple(float(np.median(part)) for part in parts), float(statistic), float(p), 1
    )


def _counted(name: str, parts: Sequence[Sequence[Any]], kinds: Sequence[Any]) -> Balance:
    from scipy.stats import chi2_contingency

    table: np.ndarray | list = [[part.count(kind) for kind in kinds] for part in parts]
    result = chi2_contingency(table, correction=False)
    counts = tuple({str(kind): count for kind, count in zip(kinds, row, strict=True)} for row in table)
    return Balance(name, "chi-square", counts, float(result.statistic), float(result.pvalue), 1)
