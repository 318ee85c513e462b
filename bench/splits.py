"""Who is learnt from, who chooses and who is tested: folds over groups, the same for every method.

What a split depends on is written in its arguments: the set's name, groups, strata and sites, the kind and number of
folds, the partition. It knows no method, no seed of a training run and no thread.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bench.core import BenchError, Split, digest, seed_of

if TYPE_CHECKING:
    import numpy as np

INNER = 5  # folds of the training part, one of which is the validation part
REST = "rest"  # the stratum of those whose own is too small to be in every fold


class Grouped(Protocol):
    """What of a prepared set a split may know. Each has one entry a scan."""

    name: str
    groups: Sequence[str]
    strata: Sequence[str]
    sites: Sequence[str]


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of scans, each array sorted; no group is in two of them."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def fold(prepared: Grouped, split: Split, partition: int, number: int) -> Fold:
    """Fold `number` of a partition. BenchError where the groups cannot be divided so, or there is no such fold."""
    import numpy as np

    if not 0 <= number < split.folds or partition < 0:
        raise BenchError(f"no fold {number} of partition {partition}; there are {split.folds} folds, from 0")
    if not 0 < split.fraction <= 1:
        raise BenchError(f"the fraction of the training groups lies in (0, 1], not {split.fraction}")
    groups, strata = np.array(prepared.groups), np.array(prepared.strata)
    test = _test(prepared, groups, strata, split, partition)[number]
    rest = np.setdiff1d(np.arange(len(groups)), test)
    seed = seed_of("validation", prepared.name, split.kind, split.folds, partition, number)
    val = rest[_parts(groups[rest], strata[rest], _inner(groups[rest], strata[rest]), seed)[0]]
    train = np.setdiff1d(rest, val)
    return Fold(_some(train, groups, strata, split.fraction, (prepared.name, partition, number)), val, test)


def permuted(targets: np.ndarray, groups: Sequence[str], number: int) -> np.ndarray:
    """The `number`-th permutation of the labels of whole groups, among groups of equal size, their rows in order.

    targets: (N,). A group whose size no other has keeps its labels. Nothing is lost or made: the multiset is kept.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows[group].append(row)
    sizes: dict[int, list[str]] = defaultdict(list)
    for group in sorted(rows):
        sizes[len(rows[group])].append(group)
    result = targets.copy()
    for peers in sizes.values():
        for group, donor in zip(peers, _shuffled(peers, "permuted", number), strict=True):
            result[rows[group]] = targets[rows[donor]]
    return result


def _test(
    prepared: Grouped, groups: np.ndarray, strata: np.ndarray, split: Split, partition: int
) -> Sequence[np.ndarray]:
    """The test part of every fold."""
    if split.kind == "site":
        return _by_site(prepared, split)
    if split.kind != "kfold":
        raise BenchError(f"no split {split.kind!r}; there are kfold, site")
    return _parts(groups, strata, split.folds, seed_of("split", prepared.name, split.folds, partition))


def _by_site(prepared: Grouped, split: Split) -> Sequence[np.ndarray]:
    import numpy as np

    sites = sorted(set(prepared.sites))
    if len(sites) < 2 or len(sites) != split.folds:
        there = ", ".join(sites[:8]) if any(sites) else "none named"
        raise BenchError(f"{prepared.name} has {len(sites)} sites ({there}): a fold a site, not {split.folds} folds")
    seen: dict[str, set[str]] = defaultdict(set)
    for group, site in zip(prepared.groups, prepared.sites, strict=True):
        seen[group].add(site)
    astray = [group for group, places in seen.items() if len(places) > 1]
    if astray:
        raise BenchError(f"{prepared.name}: {astray[0]} was scanned at {', '.join(sorted(seen[astray[0]]))}: no site split")
    return [np.flatnonzero(np.array(prepared.sites) == site) for site in sites]


def _parts(groups: np.ndarray, strata: np.ndarray, folds: int, seed: int) -> Sequence[np.ndarray]:
    """Positions of each of the folds, groups whole and strata spread, by scikit-learn's StratifiedGroupKFold."""
    from sklearn.model_selection import StratifiedGroupKFold

    count = len(set(groups))
    if not 2 <= folds <= count:
        raise BenchError(f"{count} groups cannot be divided into {folds} folds")
    order = _by_group(groups)
    merged = _merged(groups[order], strata[order], folds)
    divided = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(merged, merged, groups[order])
    return [_sorted(order[test]) for _, test in divided]


def _by_group(groups: np.ndarray) -> np.ndarray:
    """The rows ordered by the names of their groups, so that folds do not depend on the order of the scans."""
    import numpy as np

    return np.argsort(groups, kind="stable")


def _merged(groups: np.ndarray, strata: np.ndarray, folds: int) -> np.ndarray:
    """The stratum of each row; those of fewer groups than folds become one, which no fold is promised to hold."""
    import numpy as np

    sizes = Counter(stratum for stratum, _ in set(zip(strata.tolist(), groups.tolist(), strict=True)))
    return np.array([stratum if sizes[stratum] >= folds else REST for stratum in strata.tolist()])


def _inner(groups: np.ndarray, strata: np.ndarray) -> int:
    """Folds of the training part: five, or as many as there are groups to divide."""
    return max(2, min(INNER, len(set(groups.tolist()))))


def _some(
    rows: np.ndarray, groups: np.ndarray, strata: np.ndarray, fraction: float, place: tuple[str, int, int]
) -> np.ndarray:
    """The rows of a fraction of the groups in each stratum, at least one group of each; a larger one holds a smaller."""
    import numpy as np

    if fraction == 1:
        return rows
    by_stratum: dict[str, list[str]] = defaultdict(list)
    for group, stratum in sorted(dict(zip(groups[rows].tolist(), strata[rows].tolist(), strict=True)).items()):
        by_stratum[stratum].append(group)
    kept: set[str] = set()
    for peers in by_stratum.values():
        kept.update(_shuffled(peers, "fraction", place)[: math.ceil(fraction * len(peers))])
    return rows[np.isin(groups[rows], sorted(kept))]


def _shuffled(names: Iterable[str], *seed: object) -> list[str]:
    """Names in an order that depends on them and on `seed` alone, on every machine and in every version of numpy."""
    return sorted(names, key=lambda name: digest([*seed, name], 32))


def _sorted(rows: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.sort(rows)
