"""Findings of an audit of images: duplicates, near duplicates, heads, label conflicts, groups divided by a split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.data.audit.duplicates import heads_of_graph
from bench.data.audit.image_set import ImageSet
from bench.data.audit.similarity import SIDE, duplicate_pairs
from bench.data.audit.similarity_graph import (
    ROUNDING,
    SWEEP,
    SimilarityGraph,
    chaining_threshold,
    components,
    survey,
    sweep_thresholds,
)

if TYPE_CHECKING:
    import numpy as np

TRAIN, TEST = "train", "test"


def findings(pictures: ImageSet, threshold: float, sweep: Sequence[float] = SWEEP) -> dict[str, Any]:
    """All findings about images, as plain values. threshold: correlation from which two are near duplicates."""
    cells, where = _cells(pictures)
    sweep = tuple(sorted({*sweep, threshold}))
    graph = survey(pictures.vectors, sweep[0], where)
    same = duplicate_pairs(pictures.checksums)
    steps = sweep_thresholds(graph, same, sweep)
    exact = components(len(pictures), same)
    near = components(len(pictures), [*same, *graph.at(threshold)])
    turned = _with_mirrors(pictures, graph, where, threshold)
    mirrored = components(len(pictures), [*same, *turned.at(threshold)])
    chains = chaining_threshold(steps, len(pictures))
    return {
        "images": len(pictures),
        "counts": _counts(pictures),
        "broken": [list(each) for each in pictures.faults],
        "odd": [list(each) for each in pictures.oddities],
        "threshold": threshold,
        "exact": _clusters(pictures, exact),
        "near": _clusters(pictures, near),
        "mirrored": None if turned is graph else _clusters(pictures, mirrored),  # None for volumes: not searched
        "sweep": [asdict(step) for step in steps],
        "chained": chains,
        "warning": _warning(chains, threshold),
        "held_out": _held_out(pictures, (graph, turned), mirrored, cells, threshold),
        "astride": _astride(pictures),
        "heads": _heads(pictures, graph, same, sweep),
    }


def _cells(pictures: ImageSet) -> tuple[list[tuple[str, str]], np.ndarray]:
    """The (set, part) cells that occur, and the cell number of each image."""
    import numpy as np

    places = list(zip(pictures.sets, pictures.parts, strict=True))
    cells = sorted(set(places))
    return cells, np.array([cells.index(place) for place in places])


def _counts(pictures: ImageSet) -> list[dict[str, Any]]:
    rows = Counter(zip(pictures.sets, pictures.parts, pictures.labels, strict=True))
    return [{"set": name, "part": part, "class": label, "images": n} for (name, part, label), n in sorted(rows.items())]


def _clusters(pictures: ImageSet, labels: np.ndarray) -> dict[str, Any]:
    """Groups of two or more images: their number, and those that span several parts, classes or sets."""
    members = _members(labels.tolist())
    several = [rows for rows in members.values() if len(rows) > 1]
    astride = {
        key: [rows for rows in several if len({value for row in rows if (value := column[row])}) > 1]
        for key, column in (("parts", _places(pictures)), ("classes", pictures.labels), ("sets", pictures.sets))
    }
    return {
        "groups": len(several),
        "images": sum(map(len, several)),
        "redundant": sum(len(rows) - 1 for rows in several),
        "largest": max(map(len, several), default=0),
        **{f"across_{key}": len(groups) for key, groups in astride.items()},
        "conflicting_labels": [
            [[pictures.names[row], pictures.labels[row]] for row in rows] for rows in astride["classes"]
        ],
        "members": [[pictures.names[row] for row in rows] for rows in several],
    }


def _places(pictures: ImageSet) -> list[str]:
    """Set and part of each image; empty if the set has no split."""
    return [part and f"{name}/{part}" for name, part in zip(pictures.sets, pictures.parts, strict=True)]


def _held_out(
    pictures: ImageSet,
    surveys: Sequence[SimilarityGraph],
    linked: np.ndarray,
    cells: Sequence[tuple[str, str]],
    threshold: float,
) -> list[dict[str, Any]]:
    """Test images that also occur in training data: one row for each pair of parts or sets, and class.

    near: a training image reaches the threshold; mirrored: one or its mirror image does; linked: one is in the same
    component, through other images. surveys: without and with mirror images.
    """
    places = list(zip(pictures.sets, pictures.parts, strict=True))
    result = []
    for learnt, tested in _pairs(cells):
        train = [row for row, place in enumerate(places) if place == cells[learnt]]
        checksums, together = {pictures.checksums[row] for row in train}, {int(linked[row]) for row in train}
        classes = _members(pictures.labels[row] if place == cells[tested] else None for row, place in enumerate(places))
        for label, rows in sorted((label, rows) for label, rows in classes.items() if label is not None):
            exact = {row for row in rows if pictures.checksums[row] in checksums}
            near, mirrored = (
                len(exact | {row for row in rows if graph.best[row, learnt] >= threshold - ROUNDING})
                for graph in surveys
            )
            linked_ = sum(int(linked[row]) in together for row in rows)
            counts = {"exact": len(exact), "near": near, "mirrored": mirrored, "linked": linked_}
            names = {"learnt": _title(cells[learnt]), "tested": _title(cells[tested]), "class": label}
            result.append({**names, "images": len(rows), **counts})
    return result


def _with_mirrors(pictures: ImageSet, graph: SimilarityGraph, where: np.ndarray, threshold: float) -> SimilarityGraph:
    """The survey with mirror images; the given one if the images are volumes."""
    if pictures.vectors.shape[1] != SIDE * SIDE:
        return graph
    return survey(pictures.vectors, threshold, where, mirrored=True)


def _title(cell: tuple[str, str]) -> str:
    return "/".join(filter(None, cell))


def _pairs(cells: Sequence[tuple[str, str]]) -> Iterable[tuple[int, int]]:
    """(training, test) pairs of cells: both parts of a set, and every set against every other."""
    for learnt, (first, part) in enumerate(cells):
        for tested, (second, other) in enumerate(cells):
            if first == second and (part, other) == (TRAIN, TEST):
                yield learnt, tested
            if first != second and part in (TRAIN, "") and learnt != tested:
                yield learnt, tested


def _astride(pictures: ImageSet) -> dict[str, Any]:
    """Declared groups that the publisher's split divides, or that have several classes."""
    members, places = _members(pictures.groups), _places(pictures)
    return {
        "groups": len(members),
        "parts": sorted(name for name, rows in members.items() if len({places[row] for row in rows} - {""}) > 1),
        "classes": sorted(
            name for name, rows in members.items() if len({pictures.labels[row] for row in rows} - {""}) > 1
        ),
    }


def _heads(
    pictures: ImageSet, graph: SimilarityGraph, same: Sequence[Sequence[int]], sweep: Sequence[float]
) -> dict[str, Any] | None:
    """Recovered heads of slices; None if groups are declared, or the images are volumes, each a head of its own."""
    if len(set(pictures.groups)) < len(pictures) or pictures.vectors.shape[1] != SIDE * SIDE:
        return None
    identities = heads_of_graph(graph, same, pictures.names, sweep)
    members = _members(identities.groups).values()
    sizes = Counter(map(len, members))
    labels, places = pictures.labels, _places(pictures)
    return {
        "heads": len(members),
        "sure": identities.sure,
        "lowest": identities.lowest,
        "highest": identities.highest,
        "agreement": identities.agreement,
        "slices": {str(size): count for size, count in sorted(sizes.items())},
        "heads_by_class": dict(sorted(Counter(labels[rows[0]] for rows in members).items())),
        "conflicting_labels": sum(len({labels[row] for row in rows} - {""}) > 1 for rows in members),
        "across_parts": sum(len({places[row] for row in rows} - {""}) > 1 for rows in members),
        "groups": dict(zip(pictures.names, identities.groups, strict=True)),
    }


def _members(labels: Iterable[Any]) -> dict[Any, list[int]]:
    members = defaultdict(list)
    for row, label in enumerate(labels):
        members[label].append(row)
    return members


def _warning(chains: float | None, threshold: float) -> str:
    if chains is None or threshold > chains:
        return ""
    return (
        f"components chain at {chains:g} and below: at {threshold:g} the largest one contains images that are similar"
        " only through others; choose a higher threshold"
    )
