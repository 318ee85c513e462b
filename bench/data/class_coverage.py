"""Keep every class in the training, validation and test part of a fold, where the groups allow it.

A split is drawn by strata, which need not be classes, and a class may have few groups. If a part lacks a class, the
groups are divided again by class, with other random numbers. A division whose parts have all classes is never drawn
again: this module changes no fold that can be used.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from bench.core import BenchError, Split

ATTEMPTS = 20  # divisions that are tried
ClassCounts = Mapping[str, Counter]  # group -> class index -> scans; empty if the task has no classes
Again = Callable[[int], Sequence[set[str]]]  # number of the attempt -> a division by class


def count_classes(groups: Sequence[str], targets: Sequence[float]) -> dict[str, Counter]:
    """The number of scans of each class in each group."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for group, target in zip(groups, targets, strict=True):
        counts[group][int(target)] += 1
    return dict(counts)


def covering_tests(first: list[set[str]], classes: ClassCounts, again: Again) -> list[set[str]]:
    """Test parts that have every class, and leave two groups of it for training and validation.

    `first` if it is so, or if no division is found.
    """
    if not classes:
        return first
    totals = _groups_of_classes(classes, classes)

    def covers(parts: Sequence[set[str]]) -> bool:
        counts = (_groups_of_classes(classes, part) for part in parts)
        return all(count[label] and total - count[label] >= 2 for count in counts for label, total in totals.items())

    return next((list(parts) for parts in _divisions(first, again) if covers(parts)), first)


def covering_validation(first: set[str], rest: Collection[str], classes: ClassCounts, again: Again) -> set[str]:
    """A validation part of the groups `rest` such that it and the remaining ones have every class of `rest`.

    `first` if it is so, or if no such part is found.
    """
    if not classes:
        return first
    totals = _groups_of_classes(classes, rest)

    def covers(part: set[str]) -> bool:
        count = _groups_of_classes(classes, part)
        return all(0 < count[label] < total for label, total in totals.items())

    return next((part for parts in _divisions([first], again) for part in parts if covers(part)), first)


def check_parts(
    prepared: Any, split: Split, number: int, parts: Mapping[str, Collection[str]], classes: ClassCounts
) -> None:
    """Raise BenchError if a part of a fold lacks a class that the data set has.

    prepared: its name and task. parts: name of the part -> groups. classes: of all groups.
    """
    totals = _groups_of_classes(classes, classes)
    for what, groups in parts.items() if classes else ():
        present = _groups_of_classes(classes, groups)
        missing = next((label for label in sorted(totals) if label not in present), None)
        if missing is None:
            continue
        count = totals[missing]
        enough = "ask for 3 folds, or add people" if count >= 3 and split.folds == 2 else "add people"
        remedy = enough if split.kind == "kfold" else "split by kfold, or add people"
        raise BenchError(
            f"the {what} part of fold {number + 1} of {prepared.name} has no scan of the class"
            f" {prepared.task.classes[missing]!r}, which has {count} groups; {remedy} of that class"
        )


def _divisions(first: Sequence[set[str]], again: Again) -> Iterator[Sequence[set[str]]]:
    yield first
    for number in range(ATTEMPTS):
        yield again(number)


def _groups_of_classes(classes: ClassCounts, groups: Collection[str]) -> Counter:
    """The number of groups with scans of each class."""
    return Counter(label for group in groups for label in classes[group])
