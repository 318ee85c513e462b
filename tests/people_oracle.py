"""The test over people, worked out by loops over pairs and people: an oracle for the product's vectorised one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

Arm = Sequence[tuple[np.ndarray, np.ndarray, Sequence[str]]]  # of every fold: classes, scores of class 1, people


@dataclass(frozen=True)
class Worked:
    """What the test finds."""

    mean: float
    se: float
    df: float
    p: float


def placements(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """For each scan, the share of the scans of the other class that are ordered rightly with it."""
    out = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if y[j] != y[i]]
        right = [(score[i] > score[j]) if y[i] else (score[i] < score[j]) for j in others]
        out.append(np.mean([0.5 if score[i] == score[j] else float(r) for r, j in zip(right, others, strict=True)]))
    return np.array(out)


def area_test(ours: Arm, theirs: Arm, train: float, test: float, folds: int) -> Worked:
    """Two arms on the same folds, which are in the order of partitions; train, test: scans of the parts."""
    gaps = [placements(y, a) - placements(y, b) for (y, a, _), (_, b, _) in zip(ours, theirs, strict=True)]
    return over_people(gaps, [y for y, _, _ in ours], [who for _, _, who in ours], train, test, folds)


def over_people(gaps: Sequence, classes: Sequence, people: Sequence, train: float, test: float, folds: int) -> Worked:
    """The test of placements, of weighted sums of them, or of values of one stratum, fold by fold."""
    scores = [gap[y == max(y)].mean() for gap, y in zip(gaps, classes, strict=True)]
    both = (folds - 1) * min(1.0, train / (test * (folds - 1) ** 2))
    more = (len(gaps) / folds - 1) * (folds - 1) / folds  # further partitions, in pairs of people in different folds
    sharing = 1 + both * (1 + more) / (1 + more * both)
    parts = [(sharing * v, m - 1) for v, m in _by_class(gaps, classes, people)]
    spread = []
    for start in range(0, len(scores), folds):
        part = scores[start : start + folds]
        spread.append(np.var(part, ddof=1))
    inside = [sum(v for v, _ in _by_class([g], [y], [w])) for g, y, w in zip(gaps, classes, people, strict=True)]
    training = max(0.0, np.mean(spread) - np.mean(inside)) / len(scores)
    parts.append((training, len(spread) * (folds - 1)))
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / d for v, d in parts)
    mean = float(np.mean(scores))
    return Worked(mean, math.sqrt(variance), df, 2 * stats.t.sf(abs(mean) / math.sqrt(variance), df))


def _by_class(gaps: Sequence, classes: Sequence, people: Sequence) -> list[tuple[float, int]]:
    """The variance of the mean over folds by class of the scans, and its number of people."""
    pulls = {}
    for label in sorted({int(label) for y in classes for label in y}):
        centre = np.mean([gap[y == label].mean() for gap, y in zip(gaps, classes, strict=True)])
        pulls[label] = defaultdict(float)
        for gap, y, who in zip(gaps, classes, people, strict=True):
            for value, own, name in zip(gap, y, who, strict=True):
                if own == label:
                    pulls[label][name] += (value - centre) / (y == label).sum() / len(gaps)
    total = {name: sum(each.get(name, 0.0) for each in pulls.values()) for each in pulls.values() for name in each}
    return [
        (len(each) / (len(each) - 1) * sum(value * total[name] for name, value in each.items()), len(each))
        for each in pulls.values()
    ]


def stored(section, arm: str) -> Arm:
    """The predictions that the runs of an arm have kept, in the order of partitions and folds."""
    runs = sorted(section.of(arm), key=lambda run: run.place)
    kept = [section.store.predictions(run.cell.key, run.record, ("y", "selected", "groups")) for run in runs]
    return [(each["y"], each["selected"][:, 1], each["groups"]) for each in kept]
