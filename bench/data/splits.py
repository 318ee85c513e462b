"""Split groups into training, validation and test parts; folds are the same for every method.

A split depends on its arguments alone: the set's name, groups, strata and sites, the kind and number of folds, and the
partition. It does not depend on a method, a training seed or the number of threads. Randomness is a hash of names and
the arithmetic is exact, so neither a library's version nor the order of the scans changes a split.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bench.core import SPLITS, BenchError, Split, Task, digest
from bench.data.class_coverage import ClassCounts, check_parts, count_classes, covering_tests, covering_validation

if TYPE_CHECKING:
    import numpy as np

INNER = 5  # folds of the training part, one of which is the validation part
Strata = Mapping[str, Counter]  # group -> stratum -> scans


class Grouped(Protocol):
    """Fields of a prepared set that a split may use. Groups, strata and sites have one entry per scan."""

    name: str
    groups: Sequence[str]
    strata: Sequence[str]
    sites: Sequence[str]


@runtime_checkable
class Labelled(Grouped, Protocol):
    """A prepared set with labels, so that a split that lacks a class can be refused."""

    task: Task
    targets: np.ndarray  # (N,) class indices, in classification


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of scans, each array sorted. No group is in two parts."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def fold(prepared: Grouped, split: Split, partition: int, number: int) -> Fold:
    """Fold `number` of a partition. BenchError if the groups cannot be divided this way or the fold does not exist."""
    if not 0 <= number < split.folds or partition < 0:
        raise BenchError(f"no fold {number} of partition {partition}; folds are 0 to {split.folds - 1}")
    if not 0 < split.fraction <= 1:
        raise BenchError(f"the fraction of training groups must be above 0 and at most 1, not {split.fraction}")
    classes = _classes(prepared, split)
    if split.kind == "publisher":
        return _published(prepared, split, partition, classes)
    strata = _strata(prepared)
    test = _test_groups(prepared, strata, split, partition, classes)[number]
    rest = {group: strata[group] for group in strata if group not in test}
    place = (prepared.name, split.kind, split.folds, partition, number)
    val = _validation(rest, place, classes)
    train = _fraction({group: rest[group] for group in rest if group not in val}, split.fraction, place)
    parts = {"training": train, "validation": val, **({"test": test} if split.kind == "kfold" else {})}
    check_parts(prepared, split, number, parts, classes)
    return Fold(*(_rows(prepared, part) for part in (train, val, test)))


def permute_labels(targets: np.ndarray, clusters: Sequence[str], number: int) -> np.ndarray:
    """The `number`-th permutation of labels: each cluster takes the labels of another, row by row in order.

    targets: (N,). clusters: (N,) the cluster of each scan, of scans that may be of one person. A cluster with more
    scans than its donor repeats the donor's labels, one with fewer takes the first. If all clusters are of one size,
    the multiset of labels does not change.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, cluster in enumerate(clusters):
        rows[cluster].append(row)
    result, names = targets.copy(), sorted(rows)
    for cluster, donor in zip(names, _shuffled(names, "permuted", number), strict=True):
        given = rows[donor]
        result[rows[cluster]] = [targets[given[at % len(given)]] for at in range(len(rows[cluster]))]
    return result


def flip_labels(
    targets: np.ndarray, groups: Sequence[str], rows: Sequence[int], classes: int, share: float, *chance: Any
) -> np.ndarray:
    """The labels (N,), with a share of the groups of `rows` assigned to another class; other rows keep their label.

    Whole groups are flipped, to every other class with equal probability. Groups flipped at a smaller share are also
    flipped at every larger one.
    """
    result, mine = targets.copy(), defaultdict(list)
    for row in rows:
        mine[groups[row]].append(row)
    order = _shuffled(mine, "flipped", *chance)
    for group in order[: round(share * len(order))]:
        step = 1 + int(digest(["flip", group, *chance]), 16) % (classes - 1)
        result[mine[group]] = (targets[mine[group]] + step) % classes
    return result


def divide_groups(strata: Strata, folds: int, *chance: Any) -> list[set[str]]:
    """Divide groups into `folds` parts with strata spread evenly. Each part has at least one group.

    Large groups are assigned first; `chance` orders groups of equal size. A group goes to the part where it adds least
    to the sum over strata of squared shares, and on a tie to the part with the fewest scans. The algorithm is that of
    scikit-learn's StratifiedGroupKFold, in exact arithmetic.
    """
    if not 2 <= folds <= len(strata):
        remedy = f"ask for {len(strata)} or fewer, or add people" if len(strata) > 2 else "add people"
        raise BenchError(f"{len(strata)} groups cannot be divided into {folds} folds; {remedy}")
    totals = sum(strata.values(), Counter())
    order = sorted(_shuffled(strata, *chance), key=lambda group: -strata[group].total())
    parts: list[set[str]] = [set() for _ in range(folds)]
    counts = [Counter() for _ in range(folds)]
    for group in order:
        added = strata[group]
        shares = [sum(Fraction(n * count[s], totals[s] ** 2) for s, n in added.items()) for count in counts]
        best = min(range(folds), key=lambda part: (shares[part], counts[part].total(), part))
        parts[best].add(group)
        counts[best].update(added)
    return parts


def _strata(prepared: Grouped) -> dict[str, Counter]:
    strata: dict[str, Counter] = defaultdict(Counter)
    for group, stratum in zip(prepared.groups, prepared.strata, strict=True):
        strata[group][stratum] += 1
    return dict(strata)


def _classes(prepared: Grouped, split: Split) -> ClassCounts:
    """The classes of each group, checked; empty if the task has none. BenchError if there is nothing to predict."""
    if not isinstance(prepared, Labelled) or prepared.task.per_voxel:
        return {}
    if prepared.task.kind == "classification":
        _check_classes(prepared, split)
        return count_classes(prepared.groups, prepared.targets.tolist())
    values = set(prepared.targets.tolist())
    if len(values) == 1:
        raise BenchError(f"all scans of {prepared.name} have the target {values.pop():g}: nothing to predict")
    return {}


def _check_classes(prepared: Labelled, split: Split) -> None:
    """Raise BenchError if only one class has groups, or a class has too few groups for every test part."""
    groups: dict[int, set[str]] = defaultdict(set)
    for group, target in zip(prepared.groups, prepared.targets.tolist(), strict=True):
        groups[int(target)].add(group)
    counts = {label: len(groups[number]) for number, label in enumerate(prepared.task.classes)}
    present = [label for label, count in counts.items() if count]
    if len(present) < 2:
        who = f"all {len(set(prepared.groups))} groups of {prepared.name} have the class {present[0]!r}"
        raise BenchError(f"{who}: nothing to classify; prepare scans of two classes or more")
    rare = min(present, key=counts.get)
    if split.kind == "kfold" and counts[rare] < split.folds:
        few = f"the class {rare!r} of {prepared.name} has {counts[rare]} groups, fewer than the {split.folds} folds"
        remedy = f"ask for {counts[rare]} folds or fewer, or add people" if counts[rare] > 1 else "add people"
        raise BenchError(f"{few}: some test part would lack it; {remedy} of that class")


def _test_groups(
    prepared: Grouped, strata: Strata, split: Split, partition: int, classes: ClassCounts
) -> list[set[str]]:
    """The groups of the test part of every fold."""
    if split.kind == "kfold":
        chance = ("split", prepared.name, split.folds, partition)
        first = divide_groups(strata, split.folds, *chance)
        return covering_tests(
            first, classes, lambda number: divide_groups(classes, split.folds, *chance, "again", number)
        )
    if split.kind == "site":
        return _by_site(prepared, split.folds)
    raise BenchError(f"no split {split.kind!r}; there are {', '.join(SPLITS)}")


def _published(prepared: Grouped, split: Split, partition: int, classes: ClassCounts) -> Fold:
    """The publisher's test part; the publisher's training part is divided into training and validation by groups.

    A group may be in both parts of the publisher; `shared_groups` marks the test scans of such groups.
    """
    rows = {part: [row for row, each in enumerate(prepared.parts) if each == part] for part in ("train", "test")}
    if not rows["train"] or not rows["test"]:
        raise BenchError(f"{prepared.name} has no split of its publisher; split by kfold")
    strata: dict[str, Counter] = defaultdict(Counter)
    for row in rows["train"]:
        strata[prepared.groups[row]][prepared.strata[row]] += 1
    place = (prepared.name, split.kind, split.folds, partition, 0)
    learnt = count_classes(*_columns(prepared, rows["train"])) if classes else {}
    val = _validation(strata, place, learnt)
    train = _fraction({group: strata[group] for group in strata if group not in val}, split.fraction, place)
    lost = {group: classes[group] for group in classes if group not in learnt}
    check_parts(prepared, split, 0, {"training": train, "validation": val}, {**lost, **learnt})
    parts = ([row for row in rows["train"] if prepared.groups[row] in part] for part in (train, val))
    return Fold(*(_array(part) for part in (*parts, rows["test"])))


def shared_groups(prepared: Grouped, fold: Fold) -> np.ndarray:
    """(test scans,) True if a scan's group is also in the training or validation part.

    This happens only if a publisher's split divides groups.
    """
    import numpy as np

    known = {prepared.groups[row] for row in (*fold.train, *fold.val)}
    return np.array([prepared.groups[row] in known for row in fold.test], dtype=bool)


def _by_site(prepared: Grouped, folds: int) -> list[set[str]]:
    sites: dict[str, set[str]] = defaultdict(set)
    for group, site in zip(prepared.groups, prepared.sites, strict=True):
        sites[group].add(site)
    if unknown := list(prepared.sites).count(""):
        who = f"{unknown} of the {len(prepared.sites)} scans of {prepared.name} have no site"
        raise BenchError(f"{who}: no split by site; add the sites to the table of the set, or split by kfold")
    names = sorted(set(prepared.sites))
    if len(names) < 2 or len(names) != folds:
        remedy = f"ask for {len(names)} folds" if len(names) > 1 else "split by kfold"
        raise BenchError(
            f"{prepared.name} has {len(names)} sites, one fold per site, so it cannot have {folds} folds; {remedy}"
        )
    for group, places in sites.items():
        if len(places) > 1:
            raise BenchError(
                f"{prepared.name}: {group} was scanned at {' and '.join(sorted(places))}, so sites divide a group;"
                " split by kfold"
            )
    return [{group for group, places in sites.items() if site in places} for site in names]


def _columns(prepared: Labelled, rows: Sequence[int]) -> tuple[list[str], list[float]]:
    """Groups and targets of some rows."""
    return [prepared.groups[row] for row in rows], [float(prepared.targets[row]) for row in rows]


def _validation(rest: Strata, place: Sequence[Any], classes: ClassCounts) -> set[str]:
    """One inner fold: the first with the largest number of strata, so that a small set still has all classes."""
    if len(rest) < 2:
        few = f"{place[0]} has {len(rest)} groups outside a test part"
        raise BenchError(f"{few}: too few for training and validation; ask for more folds, or add people")
    folds = max(2, min(INNER, len(rest) // 2))
    parts = divide_groups(rest, folds, "validation", *place)
    first = max(parts, key=lambda part: len(set().union(*(rest[group] for group in part))))
    known = {group: classes[group] for group in rest} if classes else {}

    def again(number: int) -> list[set[str]]:
        return divide_groups(known, max(2, folds - number // 4), "validation", *place, "again", number)

    return covering_validation(first, rest, known, again)


def _fraction(train: Strata, fraction: float, place: Sequence[Any]) -> set[str]:
    """A fraction of the groups, the same in each stratum; a smaller fraction is a subset of every larger one."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for group in _shuffled(train, "fraction", *place):
        kinds[max(sorted(train[group]), key=train[group].get)].append(group)
    return {group for peers in kinds.values() for group in peers[: math.ceil(fraction * len(peers))]}


def _shuffled(names: Iterable[str], *chance: Any) -> list[str]:
    """The names in an order that depends only on the names and on `chance`."""
    return sorted(names, key=lambda name: (digest([*chance, name]), name))


def _rows(prepared: Grouped, groups: set[str]) -> np.ndarray:
    return _array([row for row, group in enumerate(prepared.groups) if group in groups])


def _array(rows: Sequence[int]) -> np.ndarray:
    import numpy as np

    return np.array(rows, dtype=np.int64)
