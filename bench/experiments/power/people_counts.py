"""How many people a data set tests, their classes, and the spread of their targets: without opening a scan."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from bench import registry
from bench.core import DataSpec, plain, task_kind

UNPREPARED = (
    "the number of people is unknown until the data set is prepared, and its card has none;"
    " `bench plan --people N` answers for N people"
)


@dataclass(frozen=True)
class PeopleCount:
    """The people that a data set tests.

    Attributes
    ----------
    people : int or None
        Number of groups; None if it is unknown.
    source : str
        Where the number is from, or why it is unknown.
    class_people : tuple of int
        Number of people in each class; empty where there are no classes, or they are unknown.
    spread : float
        Standard deviation of the targets, in their unit; NaN if it is unknown.
    """

    people: int | None
    source: str
    class_people: tuple[int, ...] = ()
    spread: float = math.nan


def count_people(spec: DataSpec, split: str = "kfold", people: int | None = None) -> PeopleCount:
    """Count the people that are tested: those of the prepared scans, else `people`, else those of the card."""
    from bench.data.prepared import column_of

    groups, targets, parts = (column_of(name, spec.name, spec.params) for name in ("group", "target", "part"))
    if not groups:
        return PeopleCount(people, "as given, as it is not prepared") if people else _of_card(spec)
    groups = _units(spec, groups)
    rows = [row for row in range(len(groups)) if split != "publisher" or parts[row] == "test"]
    numbers = [math.nan if targets[row] is None else float(targets[row]) for row in rows]
    task = registry.make("datasets", spec.name, spec.params).task
    members: dict[Hashable, set[str]] = defaultdict(set)
    for row, number in zip(rows, numbers, strict=True):
        members[number].add(groups[row])
    classes = tuple(len(members[k]) for k in range(len(task.classes))) if task.kind == "classification" else ()
    spread = statistics.pstdev(numbers) if task.kind == "regression" and numbers else math.nan
    source = "phantoms" if registry.member("datasets", spec.name).phantom else "prepared scans"
    return PeopleCount(len({groups[row] for row in rows}), source, classes, spread)


def people_in(spec: DataSpec) -> int | None:
    """The number of people of the prepared scans, else of the card, whatever statistics count; None if unknown."""
    from bench.data.prepared import column_of

    people = len(set(column_of("group", spec.name, spec.params)))
    return people or registry.member("datasets", spec.name).expected.get("groups")


def _units(spec: DataSpec, groups: Sequence[str]) -> Sequence[str]:
    """What statistics count: people, or what the kind of task makes of them."""
    from bench.data.prepared import column_of

    made = task_kind(registry.make("datasets", spec.name, spec.params).task.kind).units
    return made(groups, groups, column_of("site", spec.name, spec.params)) if made else groups


def _of_card(spec: DataSpec) -> PeopleCount:
    """The number that the publisher gives, which is that of the data set with its defaults."""
    cls = registry.member("datasets", spec.name)
    counts = cls.expected if plain(registry.make("datasets", spec.name, spec.params)) == plain(cls()) else {}
    people = counts.get("groups")
    if not people:
        return PeopleCount(None, UNPREPARED)
    scans = [counts.get(name, 0) for name in cls.task.classes] if cls.task.kind == "classification" else []
    classes = tuple(round(count * people / counts["samples"]) for count in scans)
    return PeopleCount(people, "its card, as it is not prepared", classes)
