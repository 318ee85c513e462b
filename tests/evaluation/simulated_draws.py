"""How a study of a simulated world is drawn: every arm is trained again in every fold, and scored.

A learner is ridge regression on the features: stable, or with weights to which every training adds noise (as seeds do
to networks), or one that fails to learn in a share of its trainings, or nearest neighbours; masks are predicted from
the channels of each pixel. Folds, validation parts and groups are as in the protocol: folds over people, one fold for
each site, or the people of another set that all models are tested on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from simulated_worlds import Population, World, places, population, strata_of

from bench.evaluation.metrics import metric
from bench.evaluation.person_test import FoldDifference
from bench.evaluation.scan_contributions import contributions


@dataclass(frozen=True)
class Drawn:
    """One simulated study: for every arm but the reference, the differences by scan of every fold.

    Attributes
    ----------
    differences : list of list of FoldDifference
    nested : list of dict of (partition, fold left out, fold tested) to FoldDifference
        Of models that learnt from neither of the two folds; empty unless the world has them.
    scores : float
        Mean score of the reference.
    """

    differences: list[list[FoldDifference]]
    nested: list[dict[tuple[int, int, int], FoldDifference]]
    reference: float


def draw(world: World, rng: np.random.Generator) -> Drawn:
    """Draw people, divide them, train every arm in every fold, and score it."""
    known, new = population(world, rng)
    found: list[list[FoldDifference]] = [[] for _ in range(world.arms - 1)]
    nested: list[dict[tuple[int, int, int], FoldDifference]] = [{} for _ in range(world.arms - 1)]
    reference = []
    for partition in range(1 if world.sites else world.partitions):
        place = known.site if world.sites else places(world, known.person, rng)
        for fold in range(world.parts):
            tested = known if new is None else new
            rows = place[known.groups] == fold if new is None else np.ones(len(new.y), dtype=bool)
            made = _arms(world, known, place != fold, tested, rows, rng)
            reference.append(made[0][2])
            for at, gap in enumerate(_gaps(made, partition, fold, tested.groups[rows])):
                found[at].append(gap)
        for left, fold, gaps in _nested(world, known, place, partition, rng):
            for at, gap in enumerate(gaps):
                nested[at][partition, left, fold] = gap
    sign = 1.0 if metric(world.score).better == "higher" else -1.0
    return Drawn(found, nested, sign * float(np.mean(reference)))


def _nested(
    world: World, known: Population, place: np.ndarray, partition: int, rng: np.random.Generator
) -> Iterator[tuple[int, int, list[FoldDifference]]]:
    """(fold left out, fold tested, differences) of models that learnt from neither of two folds."""
    for pair in combinations(range(world.parts) if world.nested else (), 2):
        rest = ~np.isin(place, pair)
        for left, fold in (pair, pair[::-1]):
            rows = place[known.groups] == fold
            made = _arms(world, known, rest, known, rows, rng)
            yield left, fold, _gaps(made, partition, fold, known.groups[rows])


def _gaps(
    made: list[tuple[np.ndarray, np.ndarray, float]], partition: int, fold: int, people: np.ndarray
) -> list[FoldDifference]:
    first = made[0]
    return [
        FoldDifference(partition, fold, score - first[2], values - first[0], strata, people)
        for values, strata, score in made[1:]
    ]


def _arms(
    world: World, known: Population, rest: np.ndarray, tested: Population, rows: np.ndarray, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Contributions, strata and score of every arm. rest: (people,) who are not tested; rows: scans that are."""
    learnt, y = learners(world, known.person, rest, rng)[known.groups], tested.y[rows]
    made = []
    for ours, new in zip(known.x, tested.x, strict=True):
        predictions = [_predict(world, ours[learnt], known.y[learnt], new[rows], rng) for _ in range(world.seeds)]
        made.append(_scored(world, y, predictions, tested.groups[rows]))
    return made


def learners(world: World, person: np.ndarray, rest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(people,) whether a model learns from them: of those who are not tested all but a fifth, the validation part."""
    strata, train = strata_of(world, person), np.zeros(len(rest), dtype=bool)
    for stratum in np.unique(strata):
        who = rng.permutation(np.flatnonzero((strata == stratum) & rest))
        train[who[: round(0.8 * len(who))]] = True
    return train


def one_arm(
    world: World, known: Population, learnt: np.ndarray, tested: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Contributions, strata and score of the first arm. learnt, tested: scans."""
    x, y = known.x[0], known.y
    return _scored(world, y[tested], [_predict(world, x[learnt], y[learnt], x[tested], rng)], known.groups[tested])


def _scored(
    world: World, y: np.ndarray, predictions: list[np.ndarray], people: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Contributions, strata and score, averaged over seeds; higher is better."""
    judge = metric(world.score)
    sign = 1.0 if judge.better == "higher" else -1.0
    targets = y.astype(int) if world.kind == "classification" else y
    parts = [contributions(judge, targets, p, people) for p in predictions]
    values, strata = sign * np.mean([part.values for part in parts], axis=0), parts[0].strata
    return values, strata, float(values[strata == strata[0]].mean())


def _predict(world: World, x: np.ndarray, y: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers (N,), probabilities (N, classes) or masks (N, SIDE, SIDE)."""
    if world.kind == "segmentation":
        made = _ridge(world, x.reshape(-1, x.shape[-1]), y.reshape(-1, 1), new.reshape(-1, x.shape[-1]), rng)
        return (made.reshape(new.shape[:-1]) > 0.35).astype(int)
    several = world.kind == "classification" and world.classes > 2
    columns = (y[:, None] == np.arange(world.classes)).astype(float) if several else y[:, None]
    made = (_neighbours if world.learner == "neighbours" else _ridge)(world, x, columns, new, rng)
    if world.numeric:
        return made[:, 0]
    made = np.clip(made, 0.01, 0.99)
    return made / made.sum(axis=1, keepdims=True) if several else np.hstack([1 - made, made])


def _neighbours(
    world: World, x: np.ndarray, columns: np.ndarray, new: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    away = (new**2).sum(axis=1)[:, None] - 2 * new @ x.T + (x**2).sum(axis=1)
    near = np.argpartition(away, 5, axis=1)[:, :5]
    return columns[near].mean(axis=1) + 1e-6 * rng.standard_normal((len(new), 1))


def _ridge(world: World, x: np.ndarray, columns: np.ndarray, new: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ridge regression, whose weights every training changes by chance or, if it fails, replaces by chance."""
    middle, centre = x.mean(axis=0), columns.mean(axis=0)
    centred = x - middle
    weights = np.linalg.solve(centred.T @ centred + 20 * np.eye(x.shape[1]), centred.T @ (columns - centre))
    chance = np.sqrt((weights**2).mean(axis=0)) * rng.standard_normal(weights.shape)
    weights = chance if rng.random() < world.failing else weights + world.noise * chance
    return centre + (new - middle) @ weights + world.shift * rng.standard_normal()
